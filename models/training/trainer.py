"""The training loop that the three models share: AdamW, warm-up and cosine, a moving average of the weights, checkpoints to go on from."""

import copy
import math
import os
import time

import cv2
import torch
from torch.utils.data import DataLoader, Dataset


class Stream(Dataset):
    """`count` samples made by `sample(index)`; the same index gives the same sample in every run."""

    def __init__(self, count, sample):
        self.count, self.sample = count, sample

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.sample(index)


def forward(net, pictures):
    """Logits of a uint8 batch, in float32. Convolutions run in bfloat16 where the processor is fast at it (MATPHO_BF16=1)."""
    x = pictures.float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=os.environ.get("MATPHO_BF16") == "1"):
        out = net(x)
    return out.float()


def quiet_worker(_):
    """A loader's worker keeps to one core."""
    cv2.setNumThreads(0)


def progress(line):
    print(line, flush=True)


def fit(net, sample, loss, *, collate, steps, batch, lr, head_lr, heads, frozen=(), checkpoint, average=0.99, decay_from=0.0,
        log=progress):
    """Trains for `steps` batches and returns the averaged network. Parameters whose name starts with one of `heads` learn at `head_lr`,
    those that start with one of `frozen` not at all: the first stages see edges and colours already, and cost a third of the time.
    Rates stay as they are up to `decay_from` of the steps and fall along a cosine from there.

    `checkpoint` holds step, weights, average and optimiser; where it exists, training goes on from it."""
    torch.manual_seed(0)
    net.to(memory_format=torch.channels_last).train()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(frozen)))
    fast = [p for n, p in net.named_parameters() if n.startswith(heads)]
    slow = [p for n, p in net.named_parameters() if not n.startswith(heads) and p.requires_grad]
    optimiser = torch.optim.AdamW([{"params": slow, "lr": lr, "base": lr}, {"params": fast, "lr": head_lr, "base": head_lr}], weight_decay=5e-4)
    smooth, first = copy.deepcopy(net), 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        first = state["step"]
        net.load_state_dict(state["net"])
        smooth.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        log(f"going on from step {first} of {checkpoint}")
    stream = Stream((steps - first) * batch, lambda i: sample(first * batch + i))
    loader = DataLoader(stream, batch, collate_fn=collate, num_workers=1, prefetch_factor=3, worker_init_fn=quiet_worker)
    began, total = time.monotonic(), 0.0
    for step, samples in enumerate(loader, first + 1):
        warm = min(1.0, step / 40)
        fallen = max(0.0, (step / steps - decay_from) / (1 - decay_from))
        cosine = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * fallen))
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * warm * cosine
        value = loss(net, samples)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 20.0)
        optimiser.step()
        total += float(value.detach())
        keep = min(average, 1 - 1 / (step + 1))
        with torch.no_grad():
            for a, p in zip(smooth.parameters(), net.parameters()):
                a.lerp_(p, 1 - keep)
        if step % 25 == 0 or step == steps:
            log(f"step {step}/{steps}  loss {total / 25:.3f}  {time.monotonic() - began:.0f} s")
            total = 0.0
        if step % 50 == 0 or step == steps:
            save(checkpoint, step, net, smooth, optimiser)
    return smooth


def save(checkpoint, step, net, smooth, optimiser):
    """Written beside and renamed, so that a run stopped half-way leaves the last good checkpoint."""
    state = {"step": step, "net": net.state_dict(), "average": smooth.state_dict(), "optimiser": optimiser.state_dict()}
    part = checkpoint.with_suffix(".part")
    torch.save(state, part)
    part.replace(checkpoint)
