"""
对输入通道求和
==============

卷积核会看照片的每一个通道，再把看到的加起来。这里的卷积核只问一个问题：“这里蓝比红多多少？”照片是蓝天下的颐和园佛香阁。我们先看每个通道各贡献多少，再看它们如何合成一张特征图。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import conv_parameters, convolve, hwc_to_chw, photo, plot, set_language

set_language("中文")

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

weight = torch.zeros(1, 3, 3, 3)  # 一个卷积核：每个通道一片3×3的权重
weight[0, 0] = -1 / 9  # 减去红色的平均值
weight[0, 2] = +1 / 9  # 加上蓝色的平均值
steps = convolve(image, weight)

figure = plot.partial_sums(steps, names=("红", "绿", "蓝"))
figure.suptitle("各通道的贡献及其总和：蓝比红多多少")
plt.show()

# %%
# 照片拍的是北京颐和园的佛香阁，天空是淡蓝色，屋顶的瓦是橙色。

plt.figure(figsize=(5.2, 3.8), layout="constrained")
plt.imshow(photo("china").numpy())
plt.axis("off")
plt.title("照片：颐和园佛香阁")
plt.show()

# %%
# 总和就是特征图
# --------------
#
# 三个通道各有一份贡献。沿通道轴加起来就是输出，与PyTorch的结果相同。

print("各通道的贡献：", tuple(steps.partial_sums.shape))  # (卷积核, 通道, 高, 宽)
print("输出：", tuple(steps.output.shape))  # (卷积核, 高, 宽)

expected = torch.nn.functional.conv2d(image, weight)
print("与PyTorch相等：", torch.allclose(steps.output, expected, atol=1e-6))

# %%
# 拆开其中一个数
# --------------
#
# 天空里蓝色多于红色，屋顶上正好相反。

for place, row, column in (("天空", 10, 160), ("屋顶", 187, 130)):
    one = steps.at(0, row, column)
    red, green, blue = one.partial_sums.tolist()
    print(f"{place}：{red:+.2f} {green:+.2f} {blue:+.2f} = {one.value.item():+.2f}")

# %%
# 进去三个通道，出来一张特征图，用一个卷积核就够了。它有多少个权重，看下面的算式：

print(conv_parameters(in_channels=3, out_channels=1, kernel_size=3, bias=False).working)

# %%
# 完整的讲解在教程里：:ref:`three-to-twenty`。
