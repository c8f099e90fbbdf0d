"""
How the receptive field grows
=============================

Each 3×3 convolution widens what a position sees by two pixels. We compute how far it sees,
and check that with gradients: where a pixel can change the output, the gradient is not 0.
Pixels in the middle of the field turn out to count for far more than those at its rim.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import plot, set_language, trace

set_language("English")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

torch.manual_seed(0)
layers = []
for channels in (3, 16, 16, 16, 16, 16):
    layers += [nn.Conv2d(channels, 16, kernel_size=3, padding=1), nn.ReLU()]
model = nn.Sequential(*layers)  # six convolutions

images = torch.rand(64, 3, 25, 25, requires_grad=True)


def influence(depth):
    """Return how much each pixel affects the middle of the maps after some convolutions."""
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
    panel.set(title=f"after layer {depth}: {row.size}×{column.size}", xticks=[], yticks=[])
figure.suptitle("Gradients at the middle, and the computed field")
plt.show()

# %%
# Computed and measured agree
# ---------------------------
#
# The frame comes from the formula, the colours from PyTorch's gradients. Outside the frame
# the gradient is exactly 0; at its rim it is small, but not 0.

for depth in range(1, 7):
    field = trace(model[: 2 * depth], (64, 3, 25, 25)).receptive_field[0]
    rows = influence(depth).amax(1).nonzero().flatten()
    measured = (rows.min().item(), rows.max().item())
    print(f"{depth}: {field.size:2} pixels, computed {field.at(12)}, measured {measured}")
    assert field.at(12) == measured

# %%
# The rim counts for little. Of the 13×13 pixels, the inner 7×7 are less than a third of
# the area, but this is their share of the influence:

strength = influence(6)
inner = strength[9:16, 9:16].sum() / strength.sum()
print(f"inner 7×7: {inner.item():.0%} of the influence, {7 * 7 / (13 * 13):.0%} of the area")

# %%
# Faster ways to see far
# ----------------------
#
# With stride 1 the field grows by 2 per layer. A dilation that doubles, or pooling by 2
# after each layer, makes it grow faster and faster. The price of pooling is a smaller
# map; that of dilation, gaps between the pixels that a kernel reads.

plain = [nn.Conv2d(1, 1, 3) for _ in range(6)]
dilated = [nn.Conv2d(1, 1, 3, dilation=2**step) for step in range(6)]
pooled = [nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2)) for _ in range(6)]
ways = {"plain": plain, "dilation 1, 2, 4 …": dilated, "pooling between": pooled}
plt.figure(figsize=(6.4, 4), layout="constrained")
for (name, chain), style in zip(ways.items(), ("o-", "s--", "^:"), strict=True):
    rows = trace(nn.Sequential(*chain), (1, 1, 256, 256))
    sizes = [row.receptive_field[0].size for row in rows if row.type == "Conv2d"]
    plt.plot(range(1, 7), sizes, style, label=name)
    print(f"{name}: {sizes}")
plt.title("Receptive field of 3×3 convolutions")
plt.xlabel("layers")
plt.ylabel("pixels across")
plt.legend(fontsize=11)
plt.show()

# %%
# The formula is explained in the guide: :ref:`stacking-layers`.
