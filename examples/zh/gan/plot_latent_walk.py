"""
从一个潜向量走到另一个
======================

生成器把向量变成图像，相近的向量变成相似的图像。我们先用真实数字训练一个生成器，再从一个向量沿直线走到另一个，看一个数字怎样一步步变成另一个数字。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import Discriminator, Generator, digits, init_weights, plot, set_language

plot.use_fonts()
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
_ = generator.eval()  # 批归一化不再受同批图像影响

# %%
# 从哪里出发，走到哪里
# --------------------
#
# 在500个随机向量里，选出所成图像最接近四个真实数字的那几个，再从一个走到下一个。

vectors = torch.randn(500, 16, 1, 1)  # (N, 潜向量长度, 1, 1)
with torch.no_grad():
    samples = generator(vectors)  # (N, 1, 16, 16)
stations = real[[0, 3, 7, 9, 0]]  # 0、3、7、9各一个，再回到0
nearest = torch.cdist(samples.flatten(1), stations.flatten(1)).argmin(0)

shares = torch.linspace(0, 1, 9).reshape(-1, 1, 1, 1)  # 终点所占的份额
figure, panels = plt.subplots(4, 1, figsize=(6.4, 3.6), layout="constrained")
for axes, start, goal in zip(panels, nearest[:-1], nearest[1:], strict=True):
    with torch.no_grad():
        walk = generator((1 - shares) * vectors[start] + shares * vectors[goal])  # (9, 1, 16, 16)
    framed = nn.functional.pad(walk[:, 0], (1, 1, 1, 1))
    axes.imshow(framed.permute(1, 0, 2).flatten(1).numpy(), cmap="gray", vmin=-1, vmax=1)
    axes.set_axis_off()
figure.suptitle("每一行：从一个潜向量走到另一个")
plt.show()

# %%
# 步子小，变化也小
# ----------------
#
# 在最后一行里，图像每走一步变化多少？从头到尾一共变化多少？

steps = (walk[1:] - walk[:-1]).flatten(1).norm(dim=1)
whole = (walk[-1] - walk[0]).norm()
print("每一步：" + " ".join(f"{step:.1f}" for step in steps.tolist()))
print(f"从第一张到最后一张：{whole.item():.1f}")
print(f"最大的一步是这个距离的{(steps.max() / whole).item():.0%}")

# %%
# 没有哪一步是突变：中间这些图像不在数据里，生成器照样造得出来。对第一层来说向量是什么，它的通道又怎样变成图像，见教程：:ref:`gan-channels`。
