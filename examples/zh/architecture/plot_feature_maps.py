"""
逐层看特征图
============

让一个数字走一遍训练好的网络。特征图越来越小，越来越多，也越来越不像原图。样子丢了，意思却多了：层越深，同一个数字的图像彼此越接近（与不同的数字相比）。
"""

from copy import deepcopy

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import digits, plot, set_language

set_language("中文")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

images, labels = digits()  # (1797, 1, 8, 8)，取值0到1
torch.manual_seed(0)
train, test = torch.randperm(len(images)).split([1200, 597])
net = nn.Sequential(
    *(nn.Conv2d(1, 8, kernel_size=3), nn.ReLU()),  # (N, 8, 6, 6)
    *(nn.Conv2d(8, 16, kernel_size=3), nn.ReLU()),  # (N, 16, 4, 4)
    *(nn.Conv2d(16, 32, kernel_size=3), nn.ReLU()),  # (N, 32, 2, 2)
    *(nn.Flatten(), nn.Linear(128, 10)),
)
untrained = deepcopy(net).requires_grad_(False)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(15):  # 轮数
    for batch in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
net.requires_grad_(False)

digit = images[test[labels[test] == 3][0]]  # (1, 8, 8)
figure = plt.figure(figsize=(6.2, 5.2), layout="constrained")
for layer, part in enumerate(figure.subfigures(4, 1)):
    maps = net[: 2 * layer](digit)  # (C, H, W)
    strongest = maps.amax((1, 2)).topk(min(8, len(maps))).indices
    for place, panel in enumerate(part.subplots(1, 8)):
        panel.axis("off")
        if place < len(strongest):
            shown = maps[strongest[place]].numpy()
            panel.imshow(shown, cmap="gray", vmin=0, vmax=maps.max().item())
    size = f"{maps.shape[1]}×{maps.shape[2]}"
    title = f"第{layer}层：{len(maps)}个通道，{size}" if layer else "像素"
    part.suptitle(title, x=0.015, ha="left")
figure.suptitle("一个数字，以及每一层看到的样子")
plt.show()

# %%
# 位置变少，通道变多
# ------------------
#
# 卷积没有填充，所以每一层都会去掉两行两列。上面每层最多画八张，挑的是最强的。

right = (net(images[test]).argmax(1) == labels[test]).float().mean().item()
print(f"没见过的数字，准确率：{right:.1%}")
for layer in (1, 2, 3):
    print(f"第{layer}层：", tuple(net[: 2 * layer](digit).shape))

# %%
# 从样子到意思
# ------------
#
# 两张不同数字的图像，比两张同一数字的图像相距远多少倍？如果是1，就等于根本不分数字。

same = labels[test][:, None] == labels[test][None]  # (597, 597)
other = ~torch.eye(597, dtype=torch.bool)  # 不与自己相比
plt.figure(figsize=(6, 3.8), layout="constrained")
for name, network, style in (("训练后", net, "o-"), ("训练前", untrained, "s--")):
    ratios = []
    for depth in (0, 2, 4, 6, 8):
        features = network[:depth](images[test]).flatten(1)
        distance = torch.cdist(features, features)
        ratios.append((distance[~same].mean() / distance[same & other].mean()).item())
    print(f"{name}：", [round(ratio, 2) for ratio in ratios])
    plt.plot(("像素", "1", "2", "3", "得分"), ratios, style, label=name)
plt.title("不同数字的距离 / 同一数字的距离")
plt.xlabel("层")
plt.ylabel("倍数")
plt.legend(fontsize=11)
plt.show()

# %%
# 训练之后，每过一层，这个倍数都变大，不同的数字分得更开。这要归功于训练：第二条线是同一个网络训练之前的情形。特征图为什么变小变多，见 :ref:`stacking-layers`；单个通道做什么，见 :ref:`what-channels-learn`。
