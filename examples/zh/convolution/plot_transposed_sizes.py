"""
转置卷积的输出尺寸
==================

输出究竟是15、16还是17？让一张真实的8×8数字图经过几个步幅为2的转置卷积。这里的卷积核是固定的，不是学来的，这样才看得清尺寸对数字图有什么影响。
"""

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import conv_transpose2d, interpolate

from cnnguide import conv_output_size, conv_transpose_output_size, digits, plot, set_language

set_language("中文")
plot.use_fonts()

digit = digits()[0][3:4]  # (1, 1, 8, 8)，一个3

copy = torch.tensor([1.0, 1.0])
middle = torch.tensor([1.0, 2.0, 1.0]) / 2
smooth = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
settings = [  # 卷积核的一维剖面、填充、output_padding
    (copy, 0, 0),
    (middle, 0, 0),
    (middle, 1, 0),
    (middle, 1, 1),
    (smooth, 1, 0),
]
outputs = [
    conv_transpose2d(digit, (row[:, None] * row)[None, None], None, 2, padding, extra)
    for row, padding, extra in settings
]

figure, panels = plt.subplots(2, 3, figsize=(6.2, 5), layout="constrained")
titles = ["输入"] + [f"卷积核{len(row)}，填充{p}，+{extra}" for row, p, extra in settings]
for axes, title, image in zip(panels.flat, titles, [digit, *outputs], strict=True):
    height, width = image.shape[2:]
    axes.imshow(image[0, 0].numpy(), cmap="Greys", vmin=0, vmax=1)
    axes.set(xlim=(-0.5, 16.5), ylim=(16.5, -0.5), xticks=[], yticks=[], facecolor="#9ecae1")
    axes.set_title(f"{title}\n{height}×{width}", fontsize=11)
figure.suptitle("一张数字图经过步幅为2的转置卷积")
plt.show()

# %%
# 逐个算出尺寸
# ------------
#
# 最后一个印记从(8−1)·2开始，跨过整个卷积核。填充在两侧各裁掉一些，``output_padding``（标题里的+）则在末尾少裁一点。

for (row, padding, extra), output in zip(settings, outputs, strict=True):
    size = conv_transpose_output_size(8, len(row), 2, padding, extra)
    print(size.working)
    assert output.shape[2] == size

# %%
# 缩放是它的特例
# --------------
#
# 用上面这些卷积核，转置卷积做的就是 ``interpolate`` 做的事：卷积核2把每个像素抄成四份；卷积核4是双线性插值（边缘除外）；卷积核3加填充1，则在原有像素的正中间插入新像素。在网络里，卷积核则是学出来的。

nearest = interpolate(digit, scale_factor=2)
bilinear = interpolate(digit, scale_factor=2, mode="bilinear")
between = interpolate(digit, size=15, mode="bilinear", align_corners=True)
print("卷积核2：", torch.equal(outputs[0], nearest))
print("卷积核3：", torch.allclose(outputs[2], between, atol=1e-6))
inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
print("卷积核4：", torch.allclose(outputs[4][inner], bilinear[inner], atol=1e-6))

# %%
# 再走回来
# --------
#
# 用同样设置的卷积，又回到8。卷积核3、填充1时，从15和16出发都回到8，所以需要 ``output_padding`` 来选。

for size in (15, 16):
    print(conv_output_size(size, kernel_size=3, stride=2, padding=1).working)

# %%
# 这一层的三种看法和它的权重，见教程：:ref:`transposed-convolution`。
