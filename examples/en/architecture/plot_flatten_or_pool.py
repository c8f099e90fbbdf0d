"""
Flatten or pool before the linear layer
=======================================

A convolution takes images of any size, a linear layer does not. If the maps are flattened,
its ``in_features`` depends on the image size; with adaptive pooling it is the same for any
size. Here is what each of them costs, and what pooling forgets.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import hwc_to_chw, linear_parameters, photo, plot, set_language, trace

set_language("English")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

torch.manual_seed(0)
features = nn.Sequential(
    *(nn.Conv2d(3, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
)  # (N, 32, H/4, W/4)

heads = {
    "flatten": nn.Flatten(),
    "pool to 4×4": nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten()),
    "pool to 1×1": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}
sides = (32, 64, 128, 256)
lengths = {}  # in_features of a linear layer after each head
for name, head in heads.items():
    traces = [trace(nn.Sequential(features, head), (1, 3, side, side)) for side in sides]
    lengths[name] = [found.output_shapes[0][1] for found in traces]

plt.figure(figsize=(6.4, 4), layout="constrained")
for (name, values), style in zip(lengths.items(), ("o-", "s--", "^:"), strict=True):
    plt.loglog(sides, [linear_parameters(length, 10) for length in values], style, label=name)
plt.xticks(sides, sides)
plt.minorticks_off()
plt.title("Parameters of the linear layer for 10 classes")
plt.xlabel("height and width of the image in pixels")
plt.ylabel("parameters")
plt.legend(fontsize=11)
plt.show()

# %%
# The same, in numbers
# --------------------
#
# If the maps are flattened, twice the side means four times the ``in_features``.

for name, values in lengths.items():
    print(f"{name}: {values}")
print(linear_parameters(lengths["flatten"][-1], 10).working)
print(linear_parameters(lengths["pool to 1×1"][-1], 10).working)

# %%
# One network for several sizes
# -----------------------------
#
# With pooling, the same network takes a photo of any size, even one that is not square.

picture = hwc_to_chw(photo("flower"))[None] / 255  # (1, 3, 427, 640)
pooled = nn.Sequential(features, heads["pool to 1×1"], nn.Linear(32, 10))
for step in (1, 2, 4):
    smaller = picture[:, :, ::step, ::step]
    print(tuple(smaller.shape), "→", tuple(pooled(smaller).shape))

# %%
# What pooling forgets
# --------------------
#
# Shuffle the positions in the feature maps, and the flower is gone. The mean of each map
# is the same as before; in the flattened vector, nearly every number has moved.

with torch.no_grad():
    maps = features(picture[:, :, ::4, ::4])  # (1, 32, 26, 40)
order = torch.randperm(26 * 40)
torn = maps.flatten(2)[:, :, order].view_as(maps)

figure, panels = plt.subplots(1, 2, figsize=(6.2, 2.6), layout="constrained")
strongest = maps.mean((2, 3)).argmax().item()
for panel, shown, name in zip(panels, (maps, torn), ("as it is", "shuffled"), strict=True):
    panel.imshow(shown[0, strongest].numpy(), cmap="cividis")
    panel.set(title=name, xticks=[], yticks=[])
figure.suptitle("A feature map, and its positions shuffled")
plt.show()

for name, head in heads.items():
    before, after = head(maps), head(torn)
    print(f"{name}: changed by {((before - after).norm() / before.norm()).item():.1%}")

# %%
# For the question "which flower is it?" that may be welcome, for "where is it?" it is not.
# The error message for a wrong ``in_features`` is explained in the guide: :ref:`stacking-layers`.
