"""
卷积核怎样在训练中死去
======================

一个小网络学习认手写数字，用三种学习率各训练一次。每隔几步数一次：有多少个卷积核，对每个数字、每个位置，ReLU都输出0。这样的卷积核得不到梯度，所以这个数只会上升，再也不会下降。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional

from cnnguide import dead_units, digits, set_language
from cnnguide.plot import use_fonts

set_language("中文")
use_fonts()

images, labels = digits()  # (1797, 1, 8, 8)
steps, every = 60, 5


def watch(layer, rate):
    """训练16个卷积核，记下有几个处处不大于0，有多少数字认对了。"""
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
    above.plot(place, never, style, color=colour, linewidth=2.5, label=f"学习率{rate}")
    below.plot(place, [100 * share for share in right], style, color=colour, linewidth=2.5)
above.set(title="16个卷积核中处处不大于0的", ylabel="卷积核个数", yticks=range(0, 17, 4))
below.set(title="认对的数字", xlabel="训练步数", ylabel="%", ylim=(0, 100))
above.legend(loc="center right")
figure.tight_layout()
plt.show()

# %%
# 最后剩下多少
# ------------
#
# ``cnnguide.dead_units``对任何模型、任何激活函数都能这样计数。

for rate, (model, never, right) in runs.items():
    dead = dead_units(model, images).layers[0].dead_channels
    assert len(dead) == never[-1]
    assert never == sorted(never)  # 没有一个卷积核活过来
    print(f"学习率{rate}：死亡的卷积核{len(dead)}个，准确率{right[-1]:.1%}")

# %%
# 学习率不变，换成LeakyReLU
# -------------------------
#
# 处处不大于0的卷积核，这里同样会出现，甚至更多，但它们没有死：梯度仍然到得了。

model, never, right = watch(nn.LeakyReLU(0.01), 3.0)
model.zero_grad()
functional.cross_entropy(model(images), labels).backward()
print(f"处处不大于0的：{never[-1]}个，准确率{right[-1]:.1%}")
print(f"死亡的：{len(dead_units(model, images).layers[0].dead_channels)}")
without = (model[0].weight.grad.flatten(1) == 0).all(1).sum().item()
print(f"没有梯度的卷积核：{without}")

# %%
# 可见LeakyReLU保住了卷积核的命，却不能让3变成合适的学习率：用三种学习率里最小的那个，认对的数字要多得多。完整的讲解在教程里：:ref:`relu-and-leaky-relu`。
