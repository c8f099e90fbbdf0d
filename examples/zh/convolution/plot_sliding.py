"""
卷积核在数字上滑动
==================

一个真实的手写数字，一个专找竖直边缘的卷积核，一张一格一格长出来的特征图。卷积核每停一处，就与盖住的窗口逐个相乘，再把九个乘积加起来。
"""

import torch
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

from cnnguide import conv_output_size, convolve, digits, plot, set_language

set_language("中文")

image = digits()[0][10]  # (1, 8, 8)：一个灰度通道，写的是0
sobel = torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])  # 右边减左边
steps = convolve(image, sobel)
rows, columns = steps.output.shape[1:]
limit = steps.output.abs().max().item()

figure, panels = plt.subplots(1, 3, figsize=(6.2, 2.9), layout="constrained")
titles = ("数字与窗口", "九个乘积", "特征图")


def draw(frame: int) -> None:
    """画出某一处的窗口、乘积，以及到这一步为止的特征图。"""
    row, column = divmod(frame, columns)
    products = steps.at(0, row, column).products[0]  # (3, 3)
    so_far = steps.output[0].clone()
    so_far.view(-1)[frame + 1 :] = torch.nan
    for axes, title in zip(panels, titles, strict=True):
        axes.clear()
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=12)
    panels[0].imshow(image[0].numpy(), cmap="gray_r")
    panels[0].add_patch(
        Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, edgecolor="#D55E00", linewidth=3)
    )
    panels[1].imshow(products.numpy(), cmap="PuOr", vmin=-limit, vmax=limit)
    for i, j in torch.cartesian_prod(torch.arange(3), torch.arange(3)).tolist():
        panels[1].text(j, i, f"{products[i, j] + 0.0:+.1f}", ha="center", va="center", fontsize=11)
    panels[1].set_xlabel(f"合计 {products.sum():+.2f}", fontsize=12)
    panels[2].imshow(so_far.numpy(), cmap="PuOr", vmin=-limit, vmax=limit)


motion = plot.animation(figure, draw, frames=rows * columns, interval=350)
figure.suptitle("卷积核滑动，特征图生长")
plt.show()

# %%
# 有几处，就有几个数
# ------------------
#
# 8个像素里放得下6个窗口，横着竖着都是如此：一共36处，也就有36个数。

print("数字：", tuple(image.shape), "特征图：", tuple(steps.output.shape))
print(conv_output_size(8, kernel_size=3).working)
print("与PyTorch相同：", torch.allclose(steps.output, torch.conv2d(image, sobel)))

# %%
# 途中的两处
# ----------
#
# 在笔画的左边缘，窗口右列比左列墨更浓（数更大），和大于零；在右边缘则正好相反。

for place, row, column in (("左边缘", 2, 0), ("右边缘", 2, 5)):
    print(f"{place}：{steps.at(0, row, column).value.item():+.2f}")

# %%
# 三个通道、二十个卷积核的情形，见教程里的:ref:`three-to-twenty`。
