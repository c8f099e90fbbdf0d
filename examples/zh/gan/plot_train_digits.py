"""
用数字训练一个小GAN
====================

生成器和判别器一起从真实的手写数字里学习。我们固定40个潜向量，每训练一轮就看一次生成器把它们变成了什么：先是一片灰，然后是斑块，再是笔画，最后有了数字的样子。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import Discriminator, Generator, digits, init_weights, plot, set_language

set_language("中文")

images, _ = digits()  # (1797, 1, 8, 8)，取值0到1
real = nn.functional.interpolate(images, scale_factor=2, mode="bilinear") * 2 - 1  # 取值−1到1

torch.set_num_threads(1)  # 层很小，多个线程只会互相等待
torch.manual_seed(0)
generator = Generator(latent=16, image_size=16, channels=1, width=16)
discriminator = Discriminator(image_size=16, channels=1, width=16)
init_weights(generator)
init_weights(discriminator)
generator_step = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
discriminator_step = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
loss = nn.BCEWithLogitsLoss()
fixed = torch.randn(40, 16, 1, 1)  # (N, 潜向量长度, 1, 1)

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


def grid(batch):  # (40, 1, 16, 16)拼成4行的一张图，每个数字加边框
    framed = nn.functional.pad(batch[:, 0], (1, 1, 1, 1))
    return framed.reshape(-1, 10, 18, 18).permute(0, 2, 1, 3).reshape(-1, 180).numpy()


kept = {f"{number}轮": shots[number] for number in (0, 2, 4, 8, 18)} | {"真实": real}
figure, panels = plt.subplots(len(kept), 1, figsize=(6.2, 4.2), layout="constrained")
for axes, (name, batch) in zip(panels, kept.items(), strict=True):
    axes.imshow(grid(batch[:10]), cmap="gray", vmin=-1, vmax=1)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
    axes.set(xticks=[], yticks=[])
figure.suptitle("十个潜向量变成了什么")
plt.show()

# %%
# 训练过程的动画
# --------------
#
# 全部40个向量。训练之前一帧，前十轮每轮一帧，训练结束时再加一帧。

frames = [*range(11), 18]
figure, axes = plt.subplots(figsize=(5.2, 2.9), layout="constrained")


def draw(frame):
    axes.clear()
    axes.imshow(grid(shots[frames[frame]]), cmap="gray", vmin=-1, vmax=1)
    axes.set_title(f"训练{frames[frame]}轮之后", fontsize=12)
    axes.set_axis_off()


motion = plot.animation(figure, draw, frames=len(frames), interval=600)
figure.suptitle("四十个潜向量变成了什么")
plt.show()

# %%
# 离真实数字有多远？
# ------------------
#
# 对每张图像，算出它到最接近的真实数字的距离。随着生成器的学习，距离越来越小。

for number in (0, 2, 4, 8, 18):
    far = torch.cdist(shots[number].flatten(1), real.flatten(1)).min(1).values.mean()
    print(f"训练{number}轮之后：{far.item():.1f}")
told, fooled = torch.tensor(losses[-100:]).mean(0).tolist()
print(f"最后100步的平均损失：判别器{told:.2f}，生成器{fooled:.2f}")

# %%
# 两个损失都没有降到零，因为双方的对手也都在进步。通道一路上怎样变化，这些数字到底有多好，见教程：:ref:`gan-channels`。
