"""
Train a small GAN on digits
===========================

A generator and a discriminator learn from real handwritten digits. We keep 40 latent
vectors and look at what the generator makes of them after each pass over the data:
grey at first, then blots, then strokes, and in the end something like digits.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import Discriminator, Generator, digits, init_weights, plot, set_language

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
fixed = torch.randn(40, 16, 1, 1)  # (N, latent, 1, 1)

shots, losses = [generator.eval()(fixed).detach()], []
for _ in range(18):
    generator.train()
    for batch in real[torch.randperm(len(real))].split(64):  # (64, 1, 16, 16)
        made = generator(torch.randn(len(batch), 16, 1, 1))
        yes, no = torch.ones(len(batch)), torch.zeros(len(batch))
        told = loss(discriminator(batch), yes) + loss(discriminator(made.detach()), no)
        discriminator_step.zero_grad()
        told.backward()
        discriminator_step.step()
        fooled = loss(discriminator(made), yes)
        generator_step.zero_grad()
        fooled.backward()
        generator_step.step()
        losses.append((told.item(), fooled.item()))
    shots.append(generator.eval()(fixed).detach())


def grid(batch):  # (40, 1, 16, 16) to one image of 4 rows, with a border around each digit
    framed = nn.functional.pad(batch[:, 0], (1, 1, 1, 1))
    return framed.reshape(-1, 10, 18, 18).permute(0, 2, 1, 3).reshape(-1, 180).numpy()


kept = {f"{number} passes": shots[number] for number in (0, 2, 4, 8, 18)} | {"real": real}
figure, panels = plt.subplots(len(kept), 1, figsize=(6.2, 4.2), layout="constrained")
for axes, (name, batch) in zip(panels, kept.items(), strict=True):
    axes.imshow(grid(batch[:10]), cmap="gray", vmin=-1, vmax=1)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
    axes.set(xticks=[], yticks=[])
figure.suptitle("What ten latent vectors become")
plt.show()

# %%
# The training as a film
# ----------------------
#
# All 40 vectors; one frame before the training, one after each of ten passes, one at the end.

frames = [*range(11), 18]
figure, axes = plt.subplots(figsize=(5.2, 2.9), layout="constrained")


def draw(frame):
    axes.clear()
    axes.imshow(grid(shots[frames[frame]]), cmap="gray", vmin=-1, vmax=1)
    axes.set_title(f"passes: {frames[frame]}", fontsize=12)
    axes.set_axis_off()


motion = plot.animation(figure, draw, frames=len(frames), interval=600)
figure.suptitle("What forty latent vectors become")
plt.show()

# %%
# How far from the real ones?
# ---------------------------
#
# For each image we take the distance to the nearest real digit. On average, it shrinks
# while the generator learns.

for number in (0, 2, 4, 8, 18):
    far = torch.cdist(shots[number].flatten(1), real.flatten(1)).min(1).values.mean()
    print(f"after {number} passes: {far.item():.1f}")
told, fooled = torch.tensor(losses[-100:]).mean(0).tolist()
print(f"losses in the last 100 steps: discriminator {told:.2f}, generator {fooled:.2f}")

# %%
# Neither loss has gone to zero, since each network's opponent gets better too. How the
# channels change on the way, and how good the digits really are, is in :ref:`gan-channels`.
