"""
激活函数切掉了什么
==================

三个卷积核在照片里找边缘和亮点。在变亮的地方，特征图是正的，在变暗的地方是负的。ReLU只留下正的，LeakyReLU还为负的留下一道淡影。
"""

import torch
from matplotlib import pyplot as plt
from torch.nn import functional

from cnnguide import convolve, hwc_to_chw, photo, set_language
from cnnguide.plot import use_fonts

set_language("中文")
use_fonts()

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 3
spot = torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]) / 6
weight = torch.stack([across, across.T, spot])[:, None].expand(3, 3, 3, 3)  # 3个卷积核
maps = convolve(image, weight).output[:, 60:, 70:250]  # (3, 152, 180)

rows = {
    "激活前": maps,
    "ReLU": functional.relu(maps),
    "LeakyReLU(0.2)": functional.leaky_relu(maps, 0.2),
}
names = ("向右变亮", "向下变亮", "比四周亮")

figure, panels = plt.subplots(3, 3, figsize=(6.2, 6.4), layout="constrained")
for line, (activation, three) in zip(panels, rows.items(), strict=True):
    for panel, name, one in zip(line, names, three, strict=True):
        drawn = panel.imshow(one.numpy(), cmap="PuOr_r", vmin=-0.6, vmax=0.6)
        panel.set(title=name if activation == "激活前" else "", xticks=[], yticks=[])
    line[0].set_ylabel(activation, fontsize=12)
figure.colorbar(drawn, ax=panels, location="bottom", aspect=40)
figure.suptitle("三张特征图，激活之前与之后")
plt.show()

# %%
# 切掉了多少
# ----------
#
# 三张特征图各有多少个负数，负数又占平方和的多少。这部分经过ReLU全部变成0，LeakyReLU(0.2)留下其中的0.2²。

for name, one in zip(names, maps, strict=True):
    below = one.clamp(max=0)
    lost = (below.square().sum() / one.square().sum()).item()
    print(f"{name}：负数占{(one < 0).float().mean().item():.1%}，占平方和的{lost:.1%}")
    kept = functional.leaky_relu(one, 0.2).clamp(max=0)
    assert torch.allclose(kept.square().sum(), 0.04 * below.square().sum())

# %%
# 切掉的部分，换个卷积核就能找回来
# --------------------------------
#
# 把卷积核的符号全部反过来，找到的就是原来为负的那些地方。两个一起用，什么也没丢：下一层可以把它们重新拼起来。

other = convolve(image, -weight).output[:, 60:, 70:250]
together = functional.relu(maps) - functional.relu(other)
print(f"最大的差：{(together - maps).abs().max().item()}")

# %%
# 从上面的数可以看到，每张特征图差不多有一半是负数。网络如果正负两边都要用，就得用上两个卷积核。更多内容见教程：:ref:`relu-and-leaky-relu`。
