"""
Feature maps by depth
=====================

We follow a digit through a trained network. The maps get smaller and more numerous, and
less and less like the picture. But they say more about the digit: the deeper the layer,
the more clearly pictures of the same digit lie together.
"""

from copy import deepcopy

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import digits, plot, set_language

set_language("English")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

images, labels = digits()  # (1797, 1, 8, 8), from 0 to 1
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
for _ in range(15):  # epochs
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
    title = f"layer {layer}: {len(maps)} channels, {size}" if layer else "the pixels"
    part.suptitle(title, x=0.015, ha="left")
figure.suptitle("A digit, and what each layer makes of it")
plt.show()

# %%
# Fewer positions, more channels
# ------------------------------
#
# The convolutions have no padding, so each layer takes away two rows and two columns. At
# most eight maps of each layer are drawn above, the strongest ones.

right = (net(images[test]).argmax(1) == labels[test]).float().mean().item()
print(f"accuracy on unseen digits: {right:.1%}")
for layer in (1, 2, 3):
    print(f"layer {layer}:", tuple(net[: 2 * layer](digit).shape))

# %%
# From looks to meaning
# ---------------------
#
# How far apart are two pictures of different digits, compared with two of the same
# digit? A ratio of 1 would mean that a layer does not separate the digits at all.

same = labels[test][:, None] == labels[test][None]  # (597, 597)
other = ~torch.eye(597, dtype=torch.bool)  # not a picture and itself
plt.figure(figsize=(6, 3.8), layout="constrained")
for name, network, style in (("trained", net, "o-"), ("untrained", untrained, "s--")):
    ratios = []
    for depth in (0, 2, 4, 6, 8):
        features = network[:depth](images[test]).flatten(1)
        distance = torch.cdist(features, features)
        ratios.append((distance[~same].mean() / distance[same & other].mean()).item())
    print(f"{name}:", [round(ratio, 2) for ratio in ratios])
    plt.plot(("pixels", "1", "2", "3", "scores"), ratios, style, label=name)
plt.title("Distance between digits / within a digit")
plt.xlabel("layer")
plt.ylabel("ratio")
plt.legend(fontsize=11)
plt.show()

# %%
# With each trained layer the digits lie further apart. Depth alone does not do that: the
# second line shows the same network before training. Why maps shrink and multiply is in
# :ref:`stacking-layers`, what single channels do in :ref:`what-channels-learn`.
