"""
展平还是池化
============

卷积层什么尺寸的图像都能接，全连接层却不行。展平之后，``in_features`` 随图像尺寸而变；用自适应池化，它就只取决于通道数和池化后的尺寸，与图像多大无关。下面比较两者的代价，再看池化忘掉了什么。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn

from cnnguide import hwc_to_chw, linear_parameters, photo, plot, set_language, trace

set_language("中文")
plot.use_fonts()
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=["#0072B2", "#E69F00", "#009E73"])

torch.manual_seed(0)
features = nn.Sequential(
    *(nn.Conv2d(3, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
)  # (N, 32, H/4, W/4)

heads = {
    "展平": nn.Flatten(),
    "池化到4×4": nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten()),
    "池化到1×1": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
}
sides = (32, 64, 128, 256)
lengths = {}  # 后接全连接层的in_features
for name, head in heads.items():
    traces = [trace(nn.Sequential(features, head), (1, 3, side, side)) for side in sides]
    lengths[name] = [found.output_shapes[0][1] for found in traces]

plt.figure(figsize=(6.4, 4), layout="constrained")
for (name, values), style in zip(lengths.items(), ("o-", "s--", "^:"), strict=True):
    plt.loglog(sides, [linear_parameters(length, 10) for length in values], style, label=name)
plt.xticks(sides, sides)
plt.minorticks_off()
plt.title("十个类别的全连接层有多少参数")
plt.xlabel("图像的高和宽（像素）")
plt.ylabel("参数量")
plt.legend(fontsize=11)
plt.show()

# %%
# 用数字说话
# ----------
#
# 展平的话，边长变成两倍，``in_features`` 就变成四倍。

for name, values in lengths.items():
    print(f"{name}：{values}")
print(linear_parameters(lengths["展平"][-1], 10).working)
print(linear_parameters(lengths["池化到1×1"][-1], 10).working)

# %%
# 一个网络，多种尺寸
# ------------------
#
# 有了池化，同一个网络能接受各种尺寸的照片，不是正方形也行。

picture = hwc_to_chw(photo("flower"))[None] / 255  # (1, 3, 427, 640)
pooled = nn.Sequential(features, heads["池化到1×1"], nn.Linear(32, 10))
for step in (1, 2, 4):
    smaller = picture[:, :, ::step, ::step]
    print(tuple(smaller.shape), "→", tuple(pooled(smaller).shape))

# %%
# 池化忘掉了什么
# --------------
#
# 把特征图的各个位置打乱，花就碎了。每张特征图的平均值却和原来一样，所以池化到1×1什么也察觉不到；展平得到的向量则变化很大。

with torch.no_grad():
    maps = features(picture[:, :, ::4, ::4])  # (1, 32, 26, 40)
order = torch.randperm(26 * 40)
torn = maps.flatten(2)[:, :, order].view_as(maps)

figure, panels = plt.subplots(1, 2, figsize=(6.2, 2.6), layout="constrained")
strongest = maps.mean((2, 3)).argmax().item()
for panel, shown, name in zip(panels, (maps, torn), ("原样", "打乱"), strict=True):
    panel.imshow(shown[0, strongest].numpy(), cmap="cividis")
    panel.set(title=name, xticks=[], yticks=[])
figure.suptitle("一张特征图，以及打乱位置之后")
plt.show()

for name, head in heads.items():
    before, after = head(maps), head(torn)
    print(f"{name}：变化了{((before - after).norm() / before.norm()).item():.1%}")

# %%
# 若要问“这是什么花”，忘掉位置也许正好；若要问“花在哪儿”，就不行了。``in_features`` 填错时的报错，见教程：:ref:`stacking-layers`。
