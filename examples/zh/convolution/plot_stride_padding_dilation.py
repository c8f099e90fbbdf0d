"""
照片上的步幅、填充与空洞率
==========================

同一个卷积核，四种设置。各张特征图按同一比例画出，像素越少，图就越小：步幅让它变小，填充给它加一圈边框，空洞率让卷积核看得更远，代价是四周少了一圈。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_output_size, hwc_to_chw, photo, plot, set_language

set_language("中文")
plot.use_fonts()

image = hwc_to_chw(photo("china"))[:, ::4, ::4] / 255  # (3, 107, 160)

weight = torch.zeros(1, 3, 3, 3)  # 一个卷积核：右边减左边，对各通道取平均
weight[0, :, :, 0] = -1 / 9
weight[0, :, :, 2] = +1 / 9

settings = {
    "步幅1，无填充": {},
    "步幅2": {"stride": 2},
    "填充8": {"padding": 8},
    "空洞率8": {"dilation": 8},
}
maps = {
    name: torch.nn.functional.conv2d(image[None], weight, **setting)[0, 0]
    for name, setting in settings.items()
}

figure, panels = plt.subplots(2, 2, figsize=(6.2, 5.1), layout="constrained")
for axes, (name, values) in zip(panels.flat, maps.items(), strict=True):
    height, width = values.shape
    axes.imshow(values.numpy(), cmap="PuOr", vmin=-0.4, vmax=0.4)
    axes.set(xlim=(-1, 175), ylim=(122, -1), xticks=[], yticks=[], facecolor="0.8")
    axes.set_title(f"{name}：{height}×{width}")
figure.suptitle("同一张照片的竖直边缘，按同一比例画出")
plt.show()

# %%
# 逐个算出尺寸
# ------------
#
# 公式数的是窗口能放几个位置。每组先算高，后算宽。

for name, setting in settings.items():
    print(name)
    for size in conv_output_size((107, 160), kernel_size=3, **setting):
        print("   ", size.working)
    assert maps[name].shape == conv_output_size((107, 160), kernel_size=3, **setting)

# %%
# 它们各自改变了什么
# ------------------
#
# 步幅2并没有算出新东西，只是隔行隔列各留一个数。填充是在原有的数外面再加一圈。只有空洞率问的是另一个问题，因为它比较的是相距更远的像素。

plain, strided, padded, dilated = maps.values()
print("步幅2就是隔一个取一个：", torch.equal(strided, plain[::2, ::2]))
inside = padded[8:-8, 8:-8]
print("填充8不改变内部：", torch.allclose(inside, plain, atol=1e-6))
reach = 8 * (3 - 1) + 1
print("空洞率8跨过的像素数（原为3）：", reach)

# %%
# 填充出来的那一圈不属于照片。卷积核在那里看到天空旁边的零，就把它当成了边缘。左右两侧最明显：

strip = padded[30:60]  # 取若干行
print(f"边框上的最大值：{strip[:, 7:9].abs().max():.2f}")
print(f"内部的平均值：{strip[:, 20:-20].abs().mean():.2f}")

# %%
# 这些尺寸怎么来的，哪些设置能保持尺寸或减半，见教程：:ref:`output-size`。
