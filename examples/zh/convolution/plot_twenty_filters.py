"""
20个卷积核，20张特征图
======================

一层有多少个输出通道，就有多少个卷积核。我们让一层带上20个随机的卷积核，先看它们从同一张照片得到的20张特征图，再看其中三个卷积核长什么样。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import (
    conv_parameters,
    conv_weight_shape,
    convolve,
    hwc_to_chw,
    photo,
    plot,
    set_language,
)

set_language("中文")

torch.manual_seed(0)
image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)
layer = nn.Conv2d(in_channels=3, out_channels=20, kernel_size=3)
steps = convolve(image, layer.weight, layer.bias)

figure = plot.channels(steps.output, columns=5)
figure.suptitle("一张照片，20个卷积核，20张特征图")
plt.show()

# %%
# 大小相同，权重不同
# ------------------
#
# 输入有3个通道，所以每个卷积核都有3片，每片对应一个通道。所有卷积核形状相同，得到的特征图却不一样，因为权重不同。

figure = plot.kernels(layer.weight[:3], names=("红", "绿", "蓝"))
figure.suptitle("20个卷积核中的前三个")
plt.show()

# %%
# 多一个卷积核，就多一张图
# ------------------------
#
# 去掉几个卷积核，少的只是它们自己的那几张图：卷积核之间互不依赖。

few = convolve(image, layer.weight[:5], layer.bias[:5])
print("5个卷积核：", tuple(few.output.shape))
print("与之前的图相同：", torch.allclose(few.output, steps.output[:5], atol=1e-6))

# %%
# 需要学习的数：每个卷积核的全部权重，外加一个偏置。

print(conv_weight_shape(in_channels=3, out_channels=20, kernel_size=3))
print(conv_parameters(in_channels=3, out_channels=20, kernel_size=3).working)

# %%
# 完整的讲解在教程里：:ref:`three-to-twenty`。
