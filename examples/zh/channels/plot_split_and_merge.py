"""
把照片拆成通道再合起来
======================

一张RGB照片就是三张灰度图。我们把它拆开，给每个通道染上自己的颜色，再合成原来的照片，然后看看其中两个调换位置会怎样。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import (
    chw_to_hwc,
    hwc_to_chw,
    merge_channels,
    photo,
    plot,
    set_language,
    split_channels,
)

set_language("中文")

image = hwc_to_chw(photo("china")) / 255  # (3, 427, 640)，取值0到1
red, green, blue = split_channels(image)  # 各为(427, 640)
dark = torch.zeros_like(red)

pictures = {
    "只有红": merge_channels([red, dark, dark]),
    "只有绿": merge_channels([dark, green, dark]),
    "只有蓝": merge_channels([dark, dark, blue]),
    "三者合并": merge_channels([red, green, blue]),
}
figure, panels = plt.subplots(2, 2, figsize=(6, 4.6), layout="constrained")
for axes, (name, picture) in zip(panels.flat, pictures.items(), strict=True):
    axes.imshow(chw_to_hwc(picture).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("三个通道，以及它们合成的照片")
plt.show()

# %%
# 什么也没有丢
# ------------
#
# 拆开再合并，得到的照片一个数也不差。每个通道的像素和照片一样多；通道轴数的是通道有几个。

print("照片：", tuple(image.shape))
print("红色通道：", tuple(red.shape))
assert torch.equal(merge_channels([red, green, blue]), image)

# %%
# 通道本身没有颜色
# ----------------
#
# 上面的颜色是我们染上去的。通道不过是一堆数，每个像素一个，所以画成灰度。天空在三个通道里都亮，屋顶主要亮在红色通道里。

figure = plot.channels(image[:, ::2, ::2], names=("红", "绿", "蓝"))
figure.suptitle("同样的三个通道，本来的样子：灰度")
figure.set_figheight(figure.get_figheight() + 0.2)  # 给标题留出位置
plt.show()

for place, row, column in (("天空", 60, 600), ("屋顶", 272, 211), ("树", 400, 60)):
    values = " ".join(f"{value:.2f}" for value in image[:, row, column].tolist())
    print(f"{place}：{values}")

# %%
# 有了次序才有颜色
# ----------------
#
# 哪个通道是红，全看位置：第一个就是。如果第一个和最后一个调换，比如把BGR当成RGB来读，红柱子就变蓝了。

swapped = merge_channels([blue, green, red])
plt.figure(figsize=(5.2, 3.8), layout="constrained")
plt.imshow(chw_to_hwc(swapped).numpy())
plt.axis("off")
plt.title("按蓝、绿、红的次序合并")
plt.show()

changed = (swapped != image).any(dim=0).float().mean()
print(f"颜色变了的像素：{changed:.0%}")

# %%
# 只有红与蓝相等的像素保持原样。通道轴是什么，又不是什么，见 :ref:`image-dimensions`。
