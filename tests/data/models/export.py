#!/usr/bin/python3
"""Makes the .onnx files of this folder, and expected.json: what PyTorch answers to a batch of three.

Debian: apt install python3-torch python3-onnx. Run it in this folder. Each model is exported in training mode, in
evaluation mode or in both, with a dynamic batch axis, as any user would do it. Example i of a batch holds, at j,
sin((i + 1) * j) where the model takes numbers, and (i + (7 + i) * j) % 50 where it takes tokens.
"""
import json

import torch
from torch import nn
from torch.onnx import TrainingMode


class Block(nn.Module):
    """Depthwise and pointwise convolution around a shortcut."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return torch.relu(x + self.body(x))


def residual():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), Block(8),
        nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(), Block(16),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(16, 10))


class Recurrent(nn.Module):
    """Embedding, a recurrent layer, and a classifier on its last output."""

    def __init__(self, layer):
        super().__init__()
        self.embedding, self.layer, self.head = nn.Embedding(50, 16), layer(16, 24, batch_first=True), nn.Linear(24, 4)

    def forward(self, tokens):
        return self.head(self.layer(self.embedding(tokens))[0][:, -1])


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (t.reshape(n, length, self.heads, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1))
        weights = torch.softmax(q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5, dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, width))


class Transformer(nn.Module):
    """Token and position embeddings, one pre-normalised block, mean over the text."""

    def __init__(self, width=16):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, width), nn.Parameter(0.1 * torch.randn(1, 16, width))
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads=2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, width))
        self.head = nn.Linear(width, 4)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.head(x.mean(dim=1))


def grid(n, size):
    return torch.arange(n)[:, None], torch.arange(size)[None, :]


def pictures(n):
    i, j = grid(n, 28 * 28)
    return torch.sin(((i + 1) * j).double()).float().reshape(n, 1, 28, 28)


def texts(n):
    i, j = grid(n, 16)
    return (i + (7 + i) * j) % 50


def export(name, model, example, opsets):
    """opsets: mode -> opset."""
    model.train()
    for value in model.parameters():  # equal values, such as fresh normalisations have, would be exported once
        value.data += 0.02 * torch.randn_like(value)
    for _ in range(3):  # so that batch statistics differ from their initial values
        model(example(8))
    for mode, opset in opsets.items():
        torch.onnx.export(model, example(2), f"{name}_{mode.name.lower()}.onnx", training=mode, opset_version=opset,
                          do_constant_folding=mode == TrainingMode.EVAL, input_names=["x"], output_names=["logits"],
                          dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}})
    model.eval()
    return model(example(3)).tolist()


torch.manual_seed(1)
TRAINING, EVAL = TrainingMode.TRAINING, TrainingMode.EVAL
expected = {
    "residual": export("residual", residual(), pictures, {TRAINING: 15, EVAL: 13}),
    "lstm": export("lstm", Recurrent(nn.LSTM), texts, {TRAINING: 14, EVAL: 9}),
    "gru": export("gru", Recurrent(nn.GRU), texts, {TRAINING: 16}),
    "transformer": export("transformer", Transformer(), texts, {TRAINING: 17, EVAL: 13}),
}
with open("expected.json", "w") as file:
    json.dump({name: [[round(x, 6) for x in row] for row in rows] for name, rows in expected.items()}, file, indent=1)
    file.write("\n")
