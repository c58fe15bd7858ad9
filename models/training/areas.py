"""The loss for things without edges: flames and smoke.

A box around a fire is drawn loosely, and often holds more wall than flame. So a box asks for little: the half of the cells inside it that
look most like its class must say so, the other half teaches nothing. What a picture without the class teaches is its worst: the
cells that look most like it, which are also what would raise a false alarm. A score is thereby a statement about the picture.
"""

import torch
from torch.nn import functional as F

from boxes import decode

# So many of the cells that look most like a class are what a picture without it teaches.
WORST = 32


def answering(centre, box):
    """Cells whose centre lies in the ellipse inside a box [4]; the nearest one where none does."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).clamp(min=1) / 2
    far = (((centre - middle) / half) ** 2).sum(1)
    cells = (far < 1).nonzero().squeeze(1)
    return cells if cells.numel() else far.argmin()[None]


def area_loss(out, grid, pictures):
    """The loss of a batch of logits [B, A, 5 + C] (objectness is not used).

    `pictures`: for each, targets [n, 5] (class, corners), which classes are `known` to be nowhere else [C], and which are somewhere though
    nobody boxed them [C]."""
    corners, centre = decode(out, grid), (grid[:, :2] + 0.5) * grid[:, 2:]
    classes, total, box_loss = out.shape[2] - 5, out.new_zeros(()), out.new_zeros(())
    for logits, mine, (targets, known, somewhere) in zip(out[..., 5:], corners, pictures):
        inside = torch.zeros((classes + 1, len(grid)), dtype=torch.bool)
        positive = [[] for _ in range(classes)]
        for target in targets:
            c, box = int(target[0]), target[1:5]
            inside[c] |= ((centre > box[:2]) & (centre < box[2:])).all(1)
            cells = answering(centre, box)
            best = logits[cells, c].detach().topk((cells.numel() + 1) // 2).indices
            cells = cells[best]
            positive[c].append(F.softplus(-logits[cells, c]).mean())
            b = mine[cells]
            side = (torch.minimum(b[:, 2:], box[2:]) - torch.maximum(b[:, :2], box[:2])).clamp(0)
            inter = side.prod(1)
            union = (b[:, 2:] - b[:, :2]).prod(1) + (box[2:] - box[:2]).prod() - inter
            box_loss = box_loss + (1 - (inter / (union + 1e-6)) ** 2).mean() / len(targets)
        inside[classes] = inside[:classes].any(0)
        for c in range(classes):
            if positive[c]:
                total = total + torch.stack(positive[c]).mean()
            elif somewhere[c]:
                total = total + F.softplus(-logits[:, c].topk(4).values).mean()
            if known[c]:
                free = logits[~inside[classes] if positive[c] else ~inside[c], c]
                if free.numel() > WORST:
                    total = total + F.softplus(free.topk(WORST).values).mean() + F.softplus(free.topk(4).values).mean()
    return (total + box_loss) / len(pictures)
