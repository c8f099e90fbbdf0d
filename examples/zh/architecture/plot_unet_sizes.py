"""
U-Net里尺寸的一降一升
=====================

U-Net把照片的尺寸逐次减半，再逐次翻倍；往上走时，把往下走时留下的特征图拼接进来。尺寸能连续减半时一切正常；不能时，要拼接的两张图就对不上。这里看它在哪里出错，再用两种办法修好。
"""

import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional

from cnnguide import hwc_to_chw, photo, plot, set_language, trace

set_language("中文")
plot.use_fonts()
plt.rcParams["font.size"] = 11
torch.manual_seed(0)


class UNet(nn.Module):
    def __init__(self, pad=False):
        super().__init__()
        steps, self.pad = [(16, 32), (32, 64), (64, 128)], pad
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(steps))
        self.merge = nn.ModuleList(nn.Conv2d(2 * a, a, 3, padding=1) for a, _ in reversed(steps))

    def forward(self, x):
        skips = [self.first(x)]
        for down in self.down:
            skips.append(down(functional.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x, skip = up(x), skips.pop()  # (N, a, 2·H, 2·W), (N, a, H₀, W₀)
            if self.pad:
                rows, columns = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
                x = functional.pad(x, (0, columns, 0, rows))
            x = merge(torch.cat([skip, x], dim=1))  # (N, 2·a, H₀, W₀) → (N, a, H₀, W₀)
        return x


image = hwc_to_chw(photo("flower"))[None, :, ::4, ::4] / 255  # (1, 3, 107, 160)
even = image[:, :, :104]  # (1, 3, 104, 160)
kinds = {
    "Conv2d": ("卷积", "#0072B2"),
    "max_pool2d": ("最大池化", "#E69F00"),
    "ConvTranspose2d": ("转置卷积", "#009E73"),
    "cat": ("拼接", "#CC79A7"),
}
plt.figure(figsize=(6.4, 4.2), layout="constrained")
rows = trace(UNet(), even.shape)
for at, row in enumerate(rows):
    label, colour = kinds[row.type]
    new = row.type not in [earlier.type for earlier in rows[:at]]
    plt.bar(at, row.output_shape[2], color=colour, label=label if new else None)
    plt.text(at, row.output_shape[2] + 2, row.out_channels, ha="center")
plt.title("特征图的高，条形上方是通道数")
plt.ylim(0, 118)
plt.ylabel("高（像素）")
plt.xticks([])
plt.legend(loc="upper center")
plt.show()

# %%
# 拼接把通道数相加，最后一次是16 + 16 = 32；尺寸不变，但两边的尺寸必须相同。高是107时，就不相同了：

print(tuple(even.shape), "→", tuple(UNet()(even).shape))
try:
    UNet()(image)
except RuntimeError as error:
    print(error)

# %%
# 107行池化后剩53行，再剩26行、13行。往回走时，13变成26，对得上；26变成52，而等在那里的是53。只有2³的倍数才能原样回来：

down_and_up = nn.Sequential(*3 * [nn.MaxPool2d(2)], *3 * [nn.Upsample(scale_factor=2)])
whole = [n for n in range(8, 65) if down_and_up(torch.zeros(1, 1, n, n)).shape[2] == n]
print("能原样回来的尺寸：", whole)

# %%
# 两种修法
# --------
#
# 一是往上走时，把每张图补到与拼接的另一方同样大；二是先把照片补到8的倍数，最后再裁回来。

height, width = image.shape[2:]
padded = functional.pad(image, (0, -width % 8, 0, -height % 8), mode="replicate")
print("在网络内部补：", tuple(UNet(pad=True)(image).shape))
cut = UNet()(padded)[:, :, :height, :width]
print("先把照片补大：", tuple(padded.shape), "→", tuple(cut.shape))

# %%
# 两种办法都得到16个107×160的通道。哪些操作会改变通道数，见:ref:`changing-channels`。
