"""
棋盘状伪影
==========

如果卷积核大小不能被步幅整除，转置卷积的印记在有些像素上就叠得比别处多。这里让每个印记把一个像素的亮度均匀摊开，看看花的照片会变成什么样，再看两种避免的办法。
"""

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from cnnguide import hwc_to_chw, photo, plot, set_language

set_language("中文")
plot.use_fonts()

grey = hwc_to_chw(photo("flower")).float().mean(0) / 255
image = grey[60:380:8, 155:475:8][None, None]  # (1, 1, 40, 40)，花的部分


def even(size):
    return torch.full((1, 1, size, size), 4 / size**2)  # 平均亮度不变


three = conv_transpose2d(image, even(3), stride=2, padding=1)
four = conv_transpose2d(image, even(4), stride=2, padding=1)
resized = conv2d(interpolate(image, scale_factor=2), even(3) / 4, padding=1)
results = {"卷积核3": three, "卷积核4": four, "先放大，再用卷积核3": resized}

figure, panels = plt.subplots(2, 2, figsize=(6.4, 6.8), layout="constrained")
shown = {"照片": interpolate(image, scale_factor=2), **results}
for axes, (name, values) in zip(panels.flat, shown.items(), strict=True):
    inner = values[0, 0, 2:-2, 2:-2]
    axes.imshow(inner.numpy(), cmap="Greys_r", vmin=0, vmax=1)
    axes.set_title(name)
    axes.axis("off")
figure.suptitle("一张照片，三种放大一倍的办法")
plt.show()

# %%
# 数一数重叠
# ----------
#
# 所有像素都是1，所有权重也都是1，输出就是每个像素上叠了几个印记。步幅为2，卷积核从2到6，取中间一段：

ones = torch.ones(1, 1, 1, 9)
for size in range(2, 7):
    counts = conv_transpose2d(ones, torch.ones(1, 1, 1, size), stride=2)[0, 0, 0, 5:13]
    print(f"K = {size}: {counts.int().tolist()}")

# %%
# 两个轴上的次数要相乘。卷积核为3时，得到1、2或4：

figure, panels = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
for axes, size in zip(panels, (3, 4), strict=True):
    stamp = torch.ones(1, 1, size, size)
    counts = conv_transpose2d(torch.ones(1, 1, 7, 7), stamp, stride=2)[0, 0, 4:12, 4:12]
    axes.imshow(counts.numpy(), cmap="Blues", vmin=0, vmax=6)
    for row, column in torch.ones(8, 8).nonzero().tolist():
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", size=12)
    axes.set(title=f"每个像素上的印记数，卷积核{size}", xticks=[], yticks=[])
plt.show()

# %%
# 花纹有多强？
# ------------
#
# 在整张图上，分别求2×2小块里四个位置的平均亮度。没有花纹时，四个数几乎相同。

for name, values in results.items():
    inner = values[0, 0, 2:-2, 2:-2]
    means = [inner[row::2, column::2].mean().item() for row in (0, 1) for column in (0, 1)]
    print(f"{name}：", *[f"{mean:.2f}" for mean in means])

# %%
# 卷积核为3时，最亮的位置大约是最暗的四倍；另外两种办法对四个位置一视同仁。原因何在，权重随机时又会怎样，见教程：:ref:`transposed-convolution`。讲清这个现象的文章是Odena等人（2016）的 `《反卷积与棋盘状伪影》 <https://distill.pub/2016/deconv-checkerboard/>`_。
