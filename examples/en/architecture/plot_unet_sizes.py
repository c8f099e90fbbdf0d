"""
Sizes down and up in a U-Net
============================

A U-Net halves the size of a photo several times and doubles it again. On the way up it
concatenates the maps with those from the way down. That works for sizes that can be
halved that often. For others the two do not fit, and there are two repairs.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional

from cnnguide import hwc_to_chw, photo, plot, set_language, trace

set_language("English")
plot.use_fonts()
plt.rcParams["font.size"] = 11
torch.manual_seed(0)


class UNet(nn.Module):
    def __init__(self, pad=False):
        super().__init__()
        steps, self.pad = [(16, 32), (32, 64), (64, 128)], pad
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(steps))
        self.merge = nn.ModuleList(nn.Conv2d(2 * a, a, 3, padding=1) for a, _ in reversed(steps))

    def forward(self, x):
        skips = [self.first(x)]
        for down in self.down:
            skips.append(down(functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x, skip = up(x), skips.pop()  # (N, a, 2·H, 2·W), (N, a, H₀, W₀)
            if self.pad:
                rows, columns = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
                x = functional.pad(x, (0, columns, 0, rows))
            x = merge(torch.cat([skip, x], dim=1))  # (N, 2·a, H₀, W₀) → (N, a, H₀, W₀)
        return x


image = hwc_to_chw(photo("flower"))[None, :, ::4, ::4] / 255  # (1, 3, 107, 160)
even = image[:, :, :104]  # (1, 3, 104, 160)
kinds = {
    "Conv2d": ("convolution", "#0072B2"),
    "max_pool2d": ("max pooling", "#E69F00"),
    "ConvTranspose2d": ("transposed convolution", "#009E73"),
    "cat": ("concatenation", "#CC79A7"),
}
plt.figure(figsize=(6.4, 4.2), layout="constrained")
rows = trace(UNet(), even.shape)
for at, row in enumerate(rows):
    label, colour = kinds[row.type]
    new = row.type not in [earlier.type for earlier in rows[:at]]
    plt.bar(at, row.output_shape[2], color=colour, label=label if new else None)
    plt.text(at, row.output_shape[2] + 2, row.out_channels, ha="center")
plt.title("Height of the maps, and above each bar its channels")
plt.ylim(0, 118)
plt.ylabel("height in pixels")
plt.xticks([])
plt.legend(loc="upper center")
plt.show()

# %%
# The concatenation adds up the channels, 16 + 16 = 32 at the last one, but not the sizes:
# both halves must have the same size. With a height of 107 they do not.

print(tuple(even.shape), "→", tuple(UNet()(even).shape))
try:
    UNet()(image)
except RuntimeError as error:
    print(error)

# %%
# Pooling 107 rows leaves 53, 26 and 13. On the way back 13 becomes 26, which fits, but
# 26 becomes 52, and the map to join has 53 rows. Only multiples of 2³ come back whole:

down_and_up = nn.Sequential(*3 * [nn.MaxPool2d(2)], *3 * [nn.Upsample(scale_factor=2)])
whole = [n for n in range(8, 65) if down_and_up(torch.zeros(1, 1, n, n)).shape[2] == n]
print("come back whole:", whole)

# %%
# Two repairs
# -----------
#
# Either pad each map on the way up to the size of the map it joins, or pad the photo to
# the next multiple of 8 and cut the result back.

height, width = image.shape[2:]
padded = functional.pad(image, (0, -width % 8, 0, -height % 8), mode="replicate")
print("padding inside:", tuple(UNet(pad=True)(image).shape))
cut = UNet()(padded)[:, :, :height, :width]
print("padding the photo:", tuple(padded.shape), "→", tuple(cut.shape))

# %%
# Both give 16 channels of 107×160. More on joining channels: :ref:`changing-channels`.
