"""
A walk from one latent vector to another
========================================

A generator turns vectors into images, and nearby vectors into similar images. We train one
on real digits, walk in a straight line from one vector to another, and watch one digit turn
into another, step by step.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import Discriminator, Generator, digits, init_weights, plot, set_language

plot.use_fonts()
set_language("English")

images, _ = digits()  # (1797, 1, 8, 8), from 0 to 1
real = nn.functional.interpolate(images, scale_factor=2, mode="bilinear") * 2 - 1  # −1 to 1

torch.set_num_threads(1)  # the layers are small: threads would only wait for each other
torch.manual_seed(0)
generator = Generator(latent=16, image_size=16, channels=1, width=16)
discriminator = Discriminator(image_size=16, channels=1, width=16)
init_weights(generator)
init_weights(discriminator)
generator_step = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
discriminator_step = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
loss = nn.BCEWithLogitsLoss()

for _ in range(18):
    for batch in real[torch.randperm(len(real))].split(64):  # (64, 1, 16, 16)
        made = generator(torch.randn(len(batch), 16, 1, 1))
        yes, no = torch.ones(len(batch)), torch.zeros(len(batch))
        told = loss(discriminator(batch), yes) + loss(discriminator(made.detach()), no)
        discriminator_step.zero_grad()
        told.backward()
        discriminator_step.step()
        generator_step.zero_grad()
        loss(discriminator(made), yes).backward()
        generator_step.step()
_ = generator.eval()  # BatchNorm no longer depends on the batch

# %%
# Where to start and where to go
# ------------------------------
#
# Of 500 random vectors we take those whose images come closest to four real digits, and
# walk from each to the next.

vectors = torch.randn(500, 16, 1, 1)  # (N, latent, 1, 1)
with torch.no_grad():
    samples = generator(vectors)  # (N, 1, 16, 16)
stations = real[[0, 3, 7, 9, 0]]  # a 0, a 3, a 7 and a 9, and back
nearest = torch.cdist(samples.flatten(1), stations.flatten(1)).argmin(0)

shares = torch.linspace(0, 1, 9).reshape(-1, 1, 1, 1)  # how much of the goal
figure, panels = plt.subplots(4, 1, figsize=(6.4, 3.6), layout="constrained")
for axes, start, goal in zip(panels, nearest[:-1], nearest[1:], strict=True):
    with torch.no_grad():
        walk = generator((1 - shares) * vectors[start] + shares * vectors[goal])  # (9, 1, 16, 16)
    framed = nn.functional.pad(walk[:, 0], (1, 1, 1, 1))
    axes.imshow(framed.permute(1, 0, 2).flatten(1).numpy(), cmap="gray", vmin=-1, vmax=1)
    axes.set_axis_off()
figure.suptitle("Each row: from one latent vector to another")
plt.show()

# %%
# Small steps, small changes
# --------------------------
#
# In the last row, how much does the image change from one step to the next, and in all?

steps = (walk[1:] - walk[:-1]).flatten(1).norm(dim=1)
whole = (walk[-1] - walk[0]).norm()
print("step by step: " + " ".join(f"{step:.1f}" for step in steps.tolist()))
print(f"from the first to the last: {whole.item():.1f}")
print(f"largest step: {(steps.max() / whole).item():.0%} of that")

# %%
# Nothing jumps. The images in between were never in the data, and yet the generator makes
# them. How the first layer treats the vector, and how its channels become an image, is
# explained in :ref:`gan-channels`.
