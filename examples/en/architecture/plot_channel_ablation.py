"""
Switching off channels
======================

What is a channel good for? Set it to zero and see which digits are misread. Some
channels are missed badly, others hardly or not at all. The pictures show what the network
takes some digits for without the channel that is missed most.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import digits, plot, set_language

set_language("English")
plot.use_fonts()

images, labels = digits()  # (1797, 1, 8, 8), from 0 to 1
torch.manual_seed(0)
train, test = torch.randperm(len(images)).split([1200, 597])
net = nn.Sequential(
    *(nn.Conv2d(1, 8, kernel_size=3), nn.ReLU()),  # (N, 8, 6, 6)
    *(nn.Conv2d(8, 16, kernel_size=3), nn.ReLU()),  # (N, 16, 4, 4)
    *(nn.Flatten(), nn.Linear(256, 10)),
)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(15):  # epochs
    for batch in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
net.requires_grad_(False)


def read_without(channels):
    """Return what the network reads if some channels of its first layer are zero."""
    maps = net[:2](images[test])  # (597, 8, 6, 6)
    maps[:, channels] = 0
    return net[2:](maps).argmax(1)


truth = labels[test]
full = (read_without([]) == truth).float().mean().item()
losses = [full - (read_without([k]) == truth).float().mean().item() for k in range(8)]
plt.figure(figsize=(6, 3.6), layout="constrained")
plt.bar(range(8), [100 * loss for loss in losses], color="#0072B2")
plt.title("Lost without one channel of the first layer")
plt.xlabel("channel")
plt.ylabel("percentage points")
plt.show()

# %%
# Which channel is missed most?
# -----------------------------
#
# A bar below 0 says: without that channel, more digits are read correctly than with it.

worst = max(range(8), key=lambda channel: losses[channel])
print(f"all channels: {full:.1%} right")
print(f"without channel {worst}: {full - losses[worst]:.1%} right")
print(f"without channel {losses.index(min(losses))}: {full - min(losses):.1%} right")

# %%
# What the digits are taken for
# -----------------------------
#
# These digits were read correctly, and no longer are without that channel.

said = read_without([worst])
misread = ((read_without([]) == truth) & (said != truth)).nonzero().flatten()[:12]
figure, panels = plt.subplots(2, 6, figsize=(6.2, 2.9), layout="constrained")
for panel in panels.flat:
    panel.axis("off")
for panel, place in zip(panels.flat, misread, strict=False):
    panel.imshow(images[test[place], 0].numpy(), cmap="gray")
    panel.set_title(f"{truth[place].item()} → {said[place].item()}")
figure.suptitle("Misread without the channel: digit → answer")
plt.show()

# %%
# The losses do not add up
# ------------------------
#
# Now switch off pairs. If channels worked independently of each other, a pair would cost
# as much as its two channels together.

pairs = torch.combinations(torch.arange(8))  # (28, 2)
together = [full - (read_without(pair) == truth).float().mean().item() for pair in pairs]
single = [losses[first] + losses[second] for first, second in pairs.tolist()]
more = sum(pair > alone for pair, alone in zip(together, single, strict=True))
print(f"{more} of {len(pairs)} pairs cost more than their two channels one by one")
print(f"mean of the pairs: {sum(together) / 28:.1%}, of the sums: {sum(single) / 28:.1%}")

# %%
# So a channel that seems dispensable may just be backed up by another. More in the
# guide: :ref:`what-channels-learn`.
