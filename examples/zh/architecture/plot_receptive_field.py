"""
感受野怎样变大
==============

每经过一个3×3卷积，一个位置就能多看两个像素。先用公式算出它能看多远，再用梯度核对：像素若能改变输出，梯度就不为零。图上还能看到，感受野中间的像素比边上的重要得多。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("中文")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

torch.manual_seed(0)
layers = []
for channels in (3, 16, 16, 16, 16, 16):
    layers += [nn.Conv2d(channels, 16, kernel_size=3, padding=1), nn.ReLU()]
model = nn.Sequential(*layers)  # 六个卷积

images = torch.rand(64, 3, 25, 25, requires_grad=True)


def influence(depth):
    """经过几个卷积之后，每个像素对特征图中央位置有多大影响。"""
    output = model[: 2 * depth](images)  # (64, 16, 25, 25)
    [gradient] = torch.autograd.grad(output[:, :, 12, 12].sum(), images)
    return gradient.abs().sum((0, 1))  # (25, 25)


figure, panels = plt.subplots(1, 3, figsize=(6.2, 2.7), layout="constrained")
for panel, depth in zip(panels, (1, 3, 6), strict=True):
    row, column = trace(model[: 2 * depth], (64, 3, 25, 25)).receptive_field
    (top, bottom), (left, right) = row.at(12), column.at(12)
    strength = influence(depth)
    panel.imshow((strength / strength.max()).numpy(), cmap="cividis")
    corner, width, height = (left - 0.5, top - 0.5), right - left + 1, bottom - top + 1
    frame = plt.Rectangle(corner, width, height, fill=False, color="#E69F00", lw=2)
    panel.add_patch(frame)
    panel.set(title=f"第{depth}层之后：{row.size}×{column.size}", xticks=[], yticks=[])
figure.suptitle("中央位置的梯度；方框是算出来的感受野")
plt.show()

# %%
# 算的与量的一致
# --------------
#
# 方框来自公式，颜色来自PyTorch。方框之外，梯度恰好是0；方框边上的梯度虽小，却不是0。

for depth in range(1, 7):
    field = trace(model[: 2 * depth], (64, 3, 25, 25)).receptive_field[0]
    rows = influence(depth).amax(1).nonzero().flatten()
    measured = (rows.min().item(), rows.max().item())
    print(f"第{depth}层：{field.size:2}像素，算得{field.at(12)}，量得{measured}")
    assert field.at(12) == measured

# %%
# 边上的像素作用很小。第6层之后的感受野是13×13像素，中间的7×7不到面积的三分之一，却占了这么大的影响：

strength = influence(6)
inner = strength[9:16, 9:16].sum() / strength.sum()
print(f"中间7×7：占影响的{inner.item():.0%}，占面积的{7 * 7 / (13 * 13):.0%}")

# %%
# 更快地看到远处
# --------------
#
# 步幅为1时，感受野每层增加2。如果空洞率逐层翻倍，或者每层之后都做一次2倍的池化，它就越长越快。池化的代价是特征图变小；空洞卷积的代价是卷积核读的像素之间留有空隙。

plain = [nn.Conv2d(1, 1, 3) for _ in range(6)]
dilated = [nn.Conv2d(1, 1, 3, dilation=2**step) for step in range(6)]
pooled = [nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)) for _ in range(6)]
ways = {"普通": plain, "空洞率1、2、4……": dilated, "层间池化": pooled}
plt.figure(figsize=(6.4, 4), layout="constrained")
for (name, chain), style in zip(ways.items(), ("o-", "s--", "^:"), strict=True):
    rows = trace(nn.Sequential(*chain), (1, 1, 256, 256))
    sizes = [row.receptive_field[0].size for row in rows if row.type == "Conv2d"]
    plt.plot(range(1, 7), sizes, style, label=name)
    print(f"{name}：{sizes}")
plt.title("3×3卷积的感受野")
plt.xlabel("层数")
plt.ylabel("宽度（像素）")
plt.legend(fontsize=11)
plt.show()

# %%
# 公式见教程：:ref:`stacking-layers`。
