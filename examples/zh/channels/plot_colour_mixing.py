"""
用1×1卷积调色
=============

1×1卷积一次只看一个像素，把它的各个通道混合起来。输入三个通道，输出三个通道，它就是一张3×3的权重表。常见的照片滤镜不过是这样的表：灰度、怀旧、调换通道。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import (
    chw_to_hwc,
    conv_parameters,
    convolve,
    hwc_to_chw,
    photo,
    plot,
    set_language,
)

set_language("中文")

image = hwc_to_chw(photo("flower")) / 255  # (3, 427, 640)

# 每个输出通道一行，行里依次是红、绿、蓝的权重
luma = [0.299, 0.587, 0.114]  # 出自ITU-R BT.601建议书
tables = {
    "原样": torch.eye(3),
    "灰度": torch.tensor([luma, luma, luma]),
    # 怀旧色出自W3C的标准，https://www.w3.org/TR/filter-effects-1/
    "怀旧": torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]]),
    "调换红与蓝": torch.tensor([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]),
}

figure, panels = plt.subplots(2, 2, figsize=(6, 4.6), layout="constrained")
for axes, (name, table) in zip(panels.flat, tables.items(), strict=True):
    mixed = convolve(image, table[:, :, None, None]).output  # 权重的形状是(3, 3, 1, 1)
    axes.imshow(chw_to_hwc(mixed.clamp(0, 1)).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("同一张照片，四种1×1卷积")
plt.show()

# %%
# 一张权重表
# ----------
#
# 每个卷积核是一行，产生一个输出通道。下图是“怀旧”：三行的比例相近，都是绿色最重、蓝色最轻；产生红色的那一行权重最大，产生蓝色的最小，照片就带上了棕色。

figure = plot.kernels(tables["怀旧"][:, :, None, None], names=("红", "绿", "蓝"))
figure.suptitle("怀旧：三个1×1卷积核，每个三片")
plt.show()

# %%
# 一个像素
# --------
#
# 在一个像素上，卷积做的就是用权重表去乘它的三个数。

pixel = image[:, 120, 260]  # 外圈花瓣上的一点
for name, table in tables.items():
    mixed = torch.nn.functional.conv2d(image, table[:, :, None, None])[:, 120, 260]
    assert torch.allclose(mixed, table @ pixel, atol=1e-6)
    print(f"{name}：{' '.join(f'{value:.2f}' for value in mixed.tolist())}")

# %%
# 哪些变不回去
# ------------
#
# 权重表的秩说明剩下几个独立的通道。调换可以变回去；灰度不行，因为三个数已经成了一个。怀旧的三行几乎成比例，忽略不到1%的零头，秩也是1。

for name, table in tables.items():
    print(f"{name}：秩为{torch.linalg.matrix_rank(table, rtol=0.01).item()}")
print(conv_parameters(in_channels=3, out_channels=3, kernel_size=1, bias=False).working)

# %%
# 从3个通道到3个通道的1×1卷积，总共只有九个权重。通道数不同的时候，它是改变通道数的常用办法，见 :ref:`changing-channels`。灰度的权重在网络的第一层有什么用，见 :ref:`input-channels`。
