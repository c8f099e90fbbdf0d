"""
How filters die during training
===============================

A small network learns handwritten digits, with three learning rates. Every five steps we
count the filters whose ReLU is 0 for every digit at every place. Such a filter gets no
gradient, so the count can rise, but never fall again.
"""

import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional

from cnnguide import dead_units, digits, set_language
from cnnguide.plot import use_fonts

set_language("English")
use_fonts()

images, labels = digits()  # (1797, 1, 8, 8)
steps, every = 60, 5


def watch(layer, rate):
    """Train 16 filters; note how many are never above 0, and how many digits are right."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(1, 16, kernel_size=3, padding=1)
    model = nn.Sequential(convolution, layer, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    never, right = [], []
    for step in range(steps + 1):
        if step > 0:
            batch = torch.randint(len(images), (64,))
            loss = functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if step % every == 0:
            with torch.no_grad():
                never.append((convolution(images) <= 0).all(3).all(2).all(0).sum().item())
                right.append((model(images).argmax(1) == labels).float().mean().item())
    return model, never, right


rates = {0.1: ("-", "#0072B2"), 1.5: ("--", "#E69F00"), 3.0: (":", "#D55E00")}
runs = {rate: watch(nn.ReLU(), rate) for rate in rates}

figure, (above, below) = plt.subplots(2, 1, figsize=(6.5, 5.6), sharex=True)
for rate, (style, colour) in rates.items():
    _, never, right = runs[rate]
    place = range(0, steps + 1, every)
    above.plot(place, never, style, color=colour, linewidth=2.5, label=f"lr={rate}")
    below.plot(place, [100 * share for share in right], style, color=colour, linewidth=2.5)
above.set(title="Filters that are never above 0, of 16", ylabel="filters", yticks=range(0, 17, 4))
below.set(title="Digits classified correctly", xlabel="step", ylabel="%", ylim=(0, 100))
above.legend(loc="center right")
figure.tight_layout()
plt.show()

# %%
# The count at the end
# --------------------
#
# ``cnnguide.dead_units`` counts the same for any model and any activation.

for rate, (model, never, right) in runs.items():
    dead = dead_units(model, images).layers[0].dead_channels
    assert len(dead) == never[-1]
    assert never == sorted(never)  # no filter came back
    print(f"lr={rate}: {len(dead)} dead filters, {right[-1]:.1%} right")

# %%
# The same learning rate with LeakyReLU
# -------------------------------------
#
# Here, too, filters end up nowhere above 0, even more of them. But they are not dead: the
# gradient still reaches them.

model, never, right = watch(nn.LeakyReLU(0.01), 3.0)
model.zero_grad()
functional.cross_entropy(model(images), labels).backward()
print(f"never above 0: {never[-1]}, right: {right[-1]:.1%}")
print(f"dead: {len(dead_units(model, images).layers[0].dead_channels)}")
without = (model[0].weight.grad.flatten(1) == 0).all(1).sum().item()
print(f"filters without a gradient: {without}")

# %%
# So LeakyReLU keeps filters alive, but it does not make a learning rate of 3 a good one:
# far more digits were right with the smallest of the three rates. More in the guide:
# :ref:`relu-and-leaky-relu`.
