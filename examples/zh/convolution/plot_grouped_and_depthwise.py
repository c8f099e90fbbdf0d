"""
分组与逐深度卷积：谁和谁混合
============================

把两张照片叠成一个6通道的输入。普通卷积把6个通道全部混在一起，结果像一张双重曝光的照片；``groups=2``时，每个卷积核只看一张照片；``groups=6``就是逐深度卷积，每个卷积核只看一种颜色。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import conv_macs, conv_parameters, hwc_to_chw, photo, plot, set_language

set_language("中文")

pair = torch.cat([hwc_to_chw(photo("flower")), hwc_to_chw(photo("china"))])[:, ::3, ::3] / 255
print("两张照片合成一个输入：", tuple(pair.shape))  # (6, 143, 214)


def averaging(groups):
    """返回一个层：每组一个卷积核，对它看到的所有数取平均。"""
    layer = nn.Conv2d(6, groups, kernel_size=3, groups=groups, bias=False)
    nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
    return layer.requires_grad_(False)


mixed, apart = averaging(1)(pair), averaging(2)(pair)
names = ("groups=1", "groups=2，0号图", "groups=2，1号图")
figure = plot.channels(torch.cat([mixed, apart]), names=names)
figure.suptitle("一个卷积核看全部，或每张照片一个")
figure.set_figheight(figure.get_figheight() + 0.3)  # 给标题留出位置
plt.show()

# %%
# 只有一组时，花和佛香阁重叠在一起，因为图上的每个数都是6个通道的平均。分成两组后，0号图里没有一点佛香阁的影子。把两张图取平均，又得到那张双重曝光的照片。

same = torch.allclose(apart.mean(dim=0, keepdim=True), mixed, atol=1e-6)
print("两张图的平均与双重曝光的照片相等：", same)

# %%
# 逐深度：每个通道一个卷积核
# --------------------------
#
# 组数等于通道数：两张照片的红、绿、蓝各自分开。

colours = ("红", "绿", "蓝")
figure = plot.channels(
    averaging(6)(pair),
    names=[f"{name}，{colour}" for name in ("花", "佛香阁") for colour in colours],
)
figure.suptitle("groups=6：每个通道一个卷积核")
plt.show()

# %%
# 省了多少
# --------
#
# 权重的第二个数说明一个卷积核看几个通道。从6个通道到12个通道，参数量和计算量都除以组数：

for groups in (1, 2, 6):
    layer = nn.Conv2d(6, 12, kernel_size=3, groups=groups, bias=False)
    parameters = conv_parameters(6, 12, 3, groups=groups, bias=False)
    macs = conv_macs((141, 212), 6, 12, 3, groups=groups)
    assert layer(pair).shape == (12, 141, 212)
    assert parameters == layer.weight.numel()
    print(f"groups={groups}：权重 {tuple(layer.weight.shape)}，{parameters.working}，乘加 {macs:,}")

# %%
# 两个通道数都必须是``groups``的倍数，否则建不出这一层。哪些操作会改变通道数，哪些不会，教程里都有：:ref:`changing-channels`。
