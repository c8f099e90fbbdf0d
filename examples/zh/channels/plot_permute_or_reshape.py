"""
用permute还是reshape：其中一个会拆散照片
========================================

要把(H, W, C)的照片变成(C, H, W)， ``permute`` 和 ``reshape`` 都能得到这个形状，也都不报错，可是只有一个得到的还是那张照片。
"""

import torch
from matplotlib import pyplot as plt

from cnnguide import hwc_to_chw, photo, plot, set_language

set_language("中文")

image = photo("china") / 255  # (427, 640, 3)：高、宽、通道
ways = {
    "permute(2, 0, 1)": image.permute(2, 0, 1),  # (3, 427, 640)
    "reshape(3, 427, 640)": image.reshape(3, 427, 640),  # 形状一样，但是……
}

figure, panels = plt.subplots(2, 1, figsize=(5.2, 7.4), layout="constrained")
for axes, (name, result) in zip(panels, ways.items(), strict=True):
    axes.imshow(result.movedim(0, 2).numpy())
    axes.set_title(name)
    axes.set_axis_off()
figure.suptitle("形状一样，照片不一样")
plt.show()

# %%
# 一个通道一个通道地看
# --------------------
#
# 在内存里，数是按像素排的：红、绿、蓝，红、绿、蓝…… ``reshape`` 不加整理，把这一长串切成三段。它的“红”其实是照片的上面三分之一，三种颜色都在里面。

permuted, reshaped = ways.values()
figure = plot.channels(reshaped, names=("“红”", "“绿”", "“蓝”"))
figure.suptitle("reshape之后：不是三种颜色，而是照片的三段")
figure.set_figheight(figure.get_figheight() + 0.2)  # 给标题留出位置
plt.show()

assert torch.equal(reshaped[0].flatten(), image.flatten()[: 427 * 640])
assert torch.equal(permuted[0], image[:, :, 0])
assert torch.equal(permuted, hwc_to_chw(image))

# %%
# 拆散了多少
# ----------
#
# 数一数还有多少个数与应有的相等；拆散之后还相等的，多半只是碰巧。

for name, result in ways.items():
    right = (result == hwc_to_chw(image)).float().mean()
    print(f"{name}：与应有的相等的占{right:.1%}")

# %%
# 变过去再变回来，什么也证明不了
# ------------------------------
#
# 如果先用 ``reshape`` 变回来再看，照片完好无缺：第二个错误正好抵消了第一个。要像上面那样，看*送进层里*的是什么。

back = reshaped.reshape(427, 640, 3)
print("reshape过去再回来，是否相等：", torch.equal(back, image))

# %%
# 边缘检测会看到什么
# ------------------
#
# 一个像素减去它上面的那个，就是最简单的边缘检测。照片里相邻的像素大多相近，所以边缘很少。

step, torn = (result.diff(dim=1).abs().mean().item() for result in (permuted, reshaped))
print(f"与上方像素之差：permute之后{step:.3f}")
print(f"reshape之后{torn:.3f}，是前者的{torn / step:.1f}倍")

# %%
# 经过 ``reshape``，相邻的像素不再相邻，于是到处都成了边缘。两种做法究竟做了什么，教程里用最朴素的循环作了说明：:ref:`image-dimensions`。
