"""
灰度、RGB、RGBA与MRI
====================

四种真实的图像，分别有一个、三个、四个和两个通道。空间轴总是高和宽；通道轴有多长，全由数据决定，第一层的 ``in_channels`` 也就随之而定。
"""

import torch
from matplotlib import pyplot as plt
from matplotlib.cbook import get_sample_data
from torch import nn

from cnnguide import conv_parameters, digits, hwc_to_chw, mri_volume, photo, plot, set_language

set_language("中文")

path = get_sample_data("Minduka_Present_Blue_Pack.png", asfileobj=False)
images = {
    "灰度图": digits()[0][0],  # (1, 8, 8)
    "RGB照片": hwc_to_chw(photo("flower")) / 255,  # (3, 427, 640)
    "RGBA图像": hwc_to_chw(torch.tensor(plt.imread(path))),  # (4, 128, 128)
    "MRI，测了两次": mri_volume()[:, 12] / 1000,  # (2, 96, 128)
}

figure, panels = plt.subplots(2, 2, figsize=(6, 5.4), layout="constrained")
for axes, (name, image) in zip(panels.flat, images.items(), strict=True):
    if len(image) in (3, 4):  # imshow能画成彩色的
        axes.imshow(image.permute(1, 2, 0).numpy())
    else:
        axes.imshow(torch.cat(tuple(image), dim=1).numpy(), cmap="gray")  # 左右并排
    axes.set_title(f"{name}\n{tuple(image.shape)}")
    axes.set_axis_off()
figure.suptitle("通道在前，然后是高和宽")
plt.show()

# %%
# 四个通道：多了不透明度
# ----------------------
#
# RGBA的第四个通道说明像素有多不透明：在这里，礼盒上是1，周围是0，阴影里介于两者之间。

figure = plot.channels(images["RGBA图像"], names=("红", "绿", "蓝", "不透明度"), columns=2)
figure.suptitle("RGBA图像的四个通道")
plt.show()

alpha = images["RGBA图像"][3]
print(f"全透明：占像素的{(alpha == 0).float().mean():.0%}")
print(f"不透明：占像素的{(alpha == 1).float().mean():.0%}")

# %%
# 两次测量：看出了什么变化
# ------------------------
#
# 这份MRI对头部的同一层切片测了两次，所以有两个通道。（如果检查做了T1、T2和FLAIR三个序列，就是三个。）两次看上去一样，但卷积核可以用一个通道减去另一个，看出哪里不同：差别散布在整个脑部，大多很小。

scan = images["MRI，测了两次"]
plt.figure(figsize=(5.2, 3.6), layout="constrained")
plt.imshow((scan[1] - scan[0]).numpy(), cmap="PuOr", vmin=-0.1, vmax=0.1)
plt.colorbar(shrink=0.8)
plt.axis("off")
plt.title("第二次测量减去第一次")
plt.show()

# %%
# 每种图像配一个层
# ----------------
#
# 每次都是十六个卷积核，得到十六张特征图。随输入通道数增加的，是卷积核的厚度，权重也就跟着多了。

for name, image in images.items():
    layer = nn.Conv2d(len(image), 16, kernel_size=3)
    print(f"{name}：权重{tuple(layer.weight.shape)}，输出{tuple(layer(image).shape)}")
    print(f"    {conv_parameters(len(image), 16, kernel_size=3).working}")

# %%
# 更多种类的图像，包括体数据和视频，见教程 :ref:`image-dimensions`。
