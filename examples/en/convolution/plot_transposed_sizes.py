"""
Sizes of a transposed convolution
=================================

How large is the output, 15, 16 or 17? A real digit of 8×8 pixels goes through five
transposed convolutions of stride 2, each with a kernel that is fixed rather than
learnt, so that you can see what the sizes do to the digit.
"""

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import conv_transpose2d, interpolate

from cnnguide import conv_output_size, conv_transpose_output_size, digits, plot, set_language

set_language("English")
plot.use_fonts()

digit = digits()[0][3:4]  # (1, 1, 8, 8), a three

copy = torch.tensor([1.0, 1.0])
middle = torch.tensor([1.0, 2.0, 1.0]) / 2
smooth = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
settings = [  # profile of the kernel, padding, output_padding
    (copy, 0, 0),
    (middle, 0, 0),
    (middle, 1, 0),
    (middle, 1, 1),
    (smooth, 1, 0),
]
outputs = [
    conv_transpose2d(digit, (row[:, None] * row)[None, None], None, 2, padding, extra)
    for row, padding, extra in settings
]

figure, panels = plt.subplots(2, 3, figsize=(6.2, 5), layout="constrained")
titles = ["input"] + [f"kernel {len(row)}, padding {p}, +{extra}" for row, p, extra in settings]
for axes, title, image in zip(panels.flat, titles, [digit, *outputs], strict=True):
    height, width = image.shape[2:]
    axes.imshow(image[0, 0].numpy(), cmap="Greys", vmin=0, vmax=1)
    axes.set(xlim=(-0.5, 16.5), ylim=(16.5, -0.5), xticks=[], yticks=[], facecolor="#9ecae1")
    axes.set_title(f"{title}\n{height}×{width}", fontsize=11)
figure.suptitle("A digit through transposed convolutions of stride 2")
plt.show()

# %%
# The sizes, worked out
# ---------------------
#
# The last stamp begins at (8−1)·2 and is as long as the kernel. Padding is cut off on
# both sides, and ``output_padding`` (the + in the titles) keeps some of it at the end.

for (row, padding, extra), output in zip(settings, outputs, strict=True):
    size = conv_transpose_output_size(8, len(row), 2, padding, extra)
    print(size.working)
    assert output.shape[2] == size

# %%
# Resizing is a special case
# --------------------------
#
# With these kernels the layer does what ``interpolate`` does: kernel 2 copies each
# pixel four times, kernel 4 is bilinear (away from the border), and kernel 3 with
# padding 1 puts new pixels half-way between the old ones. A learnt kernel may do
# something better.

nearest = interpolate(digit, scale_factor=2)
bilinear = interpolate(digit, scale_factor=2, mode="bilinear")
between = interpolate(digit, size=15, mode="bilinear", align_corners=True)
print("kernel 2:", torch.equal(outputs[0], nearest))
print("kernel 3:", torch.allclose(outputs[2], between, atol=1e-6))
inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
print("kernel 4:", torch.allclose(outputs[4][inner], bilinear[inner], atol=1e-6))

# %%
# And back
# --------
#
# The convolution with the same settings leads back to 8. With kernel 3 and padding 1
# it does so from 15 and from 16 alike. ``output_padding`` chooses between the two.

for size in (15, 16):
    print(conv_output_size(size, kernel_size=3, stride=2, padding=1).working)

# %%
# The three views of this layer, and its weight, are in :ref:`transposed-convolution`.
