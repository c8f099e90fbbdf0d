"""
What an activation cuts off
===========================

Three filters look for edges and spots in a photo. Where it gets brighter, their maps are
positive, and where it gets darker, negative. ReLU keeps only the positive part, LeakyReLU
also a pale trace of the negative one.
"""

import torch
from matplotlib import pyplot as plt
from torch.nn import functional

from cnnguide import convolve, hwc_to_chw, photo, set_language
from cnnguide.plot import use_fonts

set_language("English")
use_fonts()

image = hwc_to_chw(photo("china"))[:, ::2, ::2] / 255  # (3, 214, 320)

across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 3
spot = torch.tensor([[-1.0, -1.0, -1.0], [-1.0, 8.0, -1.0], [-1.0, -1.0, -1.0]]) / 6
weight = torch.stack([across, across.T, spot])[:, None].expand(3, 3, 3, 3)  # 3 filters
maps = convolve(image, weight).output[:, 60:, 70:250]  # (3, 152, 180)

rows = {
    "before": maps,
    "ReLU": functional.relu(maps),
    "LeakyReLU(0.2)": functional.leaky_relu(maps, 0.2),
}
names = ("brighter to the right", "brighter downwards", "bright spots")

figure, panels = plt.subplots(3, 3, figsize=(6.2, 6.4), layout="constrained")
for line, (activation, three) in zip(panels, rows.items(), strict=True):
    for panel, name, one in zip(line, names, three, strict=True):
        drawn = panel.imshow(one.numpy(), cmap="PuOr_r", vmin=-0.6, vmax=0.6)
        panel.set(title=name if activation == "before" else "", xticks=[], yticks=[])
    line[0].set_ylabel(activation, fontsize=12)
figure.colorbar(drawn, ax=panels, location="bottom", aspect=40)
figure.suptitle("Three feature maps, before and after the activation")
plt.show()

# %%
# How much is cut off
# -------------------
#
# For each of the three maps: how many numbers are negative, and what share of the sum of
# squares they hold. ReLU turns all of that into 0; LeakyReLU(0.2) keeps 0.2² of it.

for name, one in zip(names, maps, strict=True):
    below = one.clamp(max=0)
    lost = (below.square().sum() / one.square().sum()).item()
    print(f"{name}: {(one < 0).float().mean().item():.1%} negative, {lost:.1%} of the squares")
    kept = functional.leaky_relu(one, 0.2).clamp(max=0)
    assert torch.allclose(kept.square().sum(), 0.04 * below.square().sum())

# %%
# Another filter can find what was cut off
# ----------------------------------------
#
# A filter with all signs reversed gives a positive number where the first gave a negative
# one. With both, nothing is lost: the next layer can put them together again.

other = convolve(image, -weight).output[:, 60:, 70:250]
together = functional.relu(maps) - functional.relu(other)
print(f"largest difference: {(together - maps).abs().max().item()}")

# %%
# About half of each map is negative, as printed above. A network that needs both parts
# has to spend two filters on them. More about this in the guide:
# :ref:`relu-and-leaky-relu`.
