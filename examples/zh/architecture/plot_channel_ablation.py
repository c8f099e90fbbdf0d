"""
逐个关掉通道
============

一个通道有什么用？把它置零，看哪些数字会认错。有的通道一缺就出错，有的缺了几乎没有影响，而且认错的集中在少数几个数字上。后面的图还会告诉你，缺了通道之后，网络把这些数字认成了什么。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import digits, plot, set_language

set_language("中文")
plot.use_fonts()

images, labels = digits()  # (1797, 1, 8, 8)，取值0到1
torch.manual_seed(0)
train, test = torch.randperm(len(images)).split([1200, 597])
net = nn.Sequential(
    *(nn.Conv2d(1, 8, kernel_size=3), nn.ReLU()),  # (N, 8, 6, 6)
    *(nn.Conv2d(8, 16, kernel_size=3), nn.ReLU()),  # (N, 16, 4, 4)
    *(nn.Flatten(), nn.Linear(256, 10)),
)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(15):  # 轮数
    for batch in train[torch.randperm(len(train))].split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        optimizer.step()
net.requires_grad_(False)


def read_without(channels):
    """第一层的某些通道置零之后，网络的回答。"""
    maps = net[:2](images[test])  # (597, 8, 6, 6)
    maps[:, channels] = 0
    return net[2:](maps).argmax(1)


truth = labels[test]
full = (read_without([]) == truth).float().mean().item()
losses = [full - (read_without([k]) == truth).float().mean().item() for k in range(8)]
plt.figure(figsize=(6, 3.6), layout="constrained")
plt.bar(range(8), [100 * loss for loss in losses], color="#0072B2")
plt.title("缺了第一层的一个通道，准确率下降多少")
plt.xlabel("通道")
plt.ylabel("百分点")
plt.show()

# %%
# 最不能缺的是哪个？
# ------------------
#
# 柱子朝下，说明缺了这个通道，认对的数字反而更多。

worst = max(range(8), key=lambda channel: losses[channel])
print(f"全部通道：准确率{full:.1%}")
print(f"缺{worst}号通道：准确率{full - losses[worst]:.1%}")
print(f"缺{losses.index(min(losses))}号通道：准确率{full - min(losses):.1%}")

# %%
# 认成了什么
# ----------
#
# 这些数字本来认得对，缺了那个通道就认错了。

said = read_without([worst])
misread = ((read_without([]) == truth) & (said != truth)).nonzero().flatten()[:12]
figure, panels = plt.subplots(2, 6, figsize=(6.2, 2.9), layout="constrained")
for panel in panels.flat:
    panel.axis("off")
for panel, place in zip(panels.flat, misread, strict=False):
    panel.imshow(images[test[place], 0].numpy(), cmap="gray")
    panel.set_title(f"{truth[place].item()} → {said[place].item()}")
figure.suptitle("缺了这个通道后认错的：数字→回答")
plt.show()

# %%
# 下降不能简单相加
# ----------------
#
# 两个两个地关。假如通道各干各的，关掉一对的下降，应当等于两个单独的下降之和。

pairs = torch.combinations(torch.arange(8))  # (28, 2)
together = [full - (read_without(pair) == truth).float().mean().item() for pair in pairs]
single = [losses[first] + losses[second] for first, second in pairs.tolist()]
more = sum(pair > alone for pair, alone in zip(together, single, strict=True))
print(f"{len(pairs)}对通道里，有{more}对的下降超过单独下降之和")
print(f"成对下降平均：{sum(together) / 28:.1%}，单独之和平均：{sum(single) / 28:.1%}")

# %%
# 所以，一个通道看似可有可无，也许只是因为有别的通道替它顶着。详见教程：:ref:`what-channels-learn`。
