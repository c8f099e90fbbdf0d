"""
经典的边缘滤波器
================

在网络学会自己找卷积核之前，人们早就在手工设计它们了。把Sobel算子和拉普拉斯算子写进卷积的权重，三个输出通道就分别显出佛香阁的竖直边缘、水平边缘和细节。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_weight_shape, convolve, hwc_to_chw, photo, plot, set_language

set_language("中文")

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # 右边减左边
laplace = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])  # 四邻之和减去四倍的中心
operators = torch.stack([sobel, sobel.T, laplace])  # (3, 3, 3)：算子、高、宽

# 每个输入通道用同一个算子的三分之一，相当于在灰度图上找边缘
weight = operators[:, None].repeat(1, 3, 1, 1) / 3  # (3个卷积核, 3片, 3, 3)
steps = convolve(image, weight, padding=1)

figure = plot.channels(steps.output, names=("竖直边缘", "水平边缘", "细节"), columns=2)
figure.suptitle("三个手工设计的卷积核，三张特征图")
figure.set_figheight(figure.get_figheight() + 0.3)  # 给标题留出位置
plt.show()

# %%
# 卷积核本身
# ----------
#
# 每个卷积核对每种颜色各有一片，这里三片完全相同。

figure = plot.kernels(weight, names=("红", "绿", "蓝"))
figure.suptitle("横向Sobel、纵向Sobel、拉普拉斯")
plt.show()

# %%
# 边缘就是没有抵消掉的和
# ----------------------
#
# 每个算子的权重加起来都是零，在平坦的地方，结果也就是零。天空在每张图里因此几乎都是白色的，只有图像的边缘除外，那里填充的零造成了一道边。

print("各算子的权重之和：", operators.sum(dim=(1, 2)).tolist())
sky = steps.output[:, 5:15, 100:200].abs().mean()
print(f"天空里：{sky:.3f}；全图：{steps.output.abs().mean():.3f}")
print("权重：", conv_weight_shape(3, 3, 3), "输出：", tuple(steps.output.shape))

# %%
# 训练过的网络，第一层里常常会出现与此十分相似的卷积核，而这并没有人教过它。
#
# 通道之间发生了什么，见教程里的:ref:`three-to-twenty`。
