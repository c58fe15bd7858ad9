"""Boxes: decoding, suppression, the SimOTA loss of YOLOX, average precision."""

import numpy as np
import torch
from torch.nn import functional as F


def decode(raw, grid):
    """Undecoded rows [..., A, 4+] to corners [..., A, 4] in input pixels; works for torch and numpy alike."""
    lib = torch if isinstance(raw, torch.Tensor) else np
    cols, rows, stride = grid[..., 0], grid[..., 1], grid[..., 2]
    cx, cy = (raw[..., 0] + cols) * stride, (raw[..., 1] + rows) * stride
    limit = raw[..., 2:4].clip(-8, 8) if lib is np else raw[..., 2:4].clamp(-8, 8)
    w, h = lib.exp(limit[..., 0]) * stride, lib.exp(limit[..., 1]) * stride
    return lib.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), -1)


def iou_matrix(a, b):
    """IoU of every box of a [n, 4] with every box of b [m, 4]; torch or numpy."""
    lib = torch if isinstance(a, torch.Tensor) else np
    top_left = lib.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = lib.minimum(a[:, None, 2:], b[None, :, 2:])
    side = (bottom_right - top_left).clip(0)
    inter = side[..., 0] * side[..., 1]
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    return inter / (area_a[:, None] + area_b[None] - inter + 1e-9)


def suppress(boxes, scores, iou):
    """Greedy non-maximum suppression: indices kept, best first."""
    order, keep = np.argsort(-scores), []
    while order.size:
        first = order[0]
        keep.append(int(first))
        overlap = iou_matrix(boxes[first : first + 1], boxes[order[1:]])[0]
        order = order[1:][overlap <= iou]
    return keep


def suppress_by_class(found, iou):
    """Suppression within each class of rows [n, 6] (class, score, corners)."""
    keep = []
    for c in np.unique(found[:, 0]):
        rows = np.where(found[:, 0] == c)[0]
        keep += [rows[i] for i in suppress(found[rows, 2:], found[rows, 1], iou)]
    return found[keep]


def detections(probabilities, grid, floor, iou):
    """One picture's output [A, 5 + C] after the sigmoid to [n, 6]: class, score, x1, y1, x2, y2, suppressed within each class."""
    scores = probabilities[:, 4:5] * probabilities[:, 5:]
    corners = decode(probabilities, grid)
    anchor, c = np.where(scores >= floor)
    found = np.concatenate((c[:, None], scores[anchor, c][:, None], corners[anchor]), 1).astype(np.float32)
    return suppress_by_class(found, iou)


@torch.no_grad()
def assign(corners, obj, cls, targets, grid):
    """SimOTA for one picture: which anchor answers for which target. Returns (anchor indices, target indices, their IoU)."""
    classes, truth = targets[:, 0].long(), targets[:, 1:]
    stride = grid[:, 2]
    centre = (grid[:, :2] + 0.5) * stride[:, None]
    middle = (truth[:, :2] + truth[:, 2:]) / 2
    near = (centre[None] - middle[:, None]).abs().amax(2) < 1.5 * stride[None]  # [T, A]
    candidates = near.any(0).nonzero().squeeze(1)
    if candidates.numel() == 0:
        empty = candidates
        return empty, empty, corners.new_zeros(0)
    iou = iou_matrix(truth, corners[candidates])
    joint = (cls[candidates].sigmoid() * obj[candidates].sigmoid()[:, None]).sqrt().clamp(1e-6, 1 - 1e-6)
    wrong = -torch.log1p(-joint).sum(1)[None] + torch.log1p(-joint[:, classes].T) - joint[:, classes].T.log()
    cost = wrong - 3.0 * (iou + 1e-8).log() + 1e5 * (~near[:, candidates])
    count = iou.topk(min(10, iou.shape[1]), 1).values.sum(1).int().clamp(1)
    chosen = torch.zeros_like(cost, dtype=torch.bool)
    for t in range(len(targets)):
        chosen[t, cost[t].topk(min(int(count[t]), cost.shape[1]), largest=False).indices] = True
    crowded = (chosen.sum(0) > 1).nonzero().squeeze(1)
    if crowded.numel():
        best = cost[:, crowded].argmin(0)
        chosen[:, crowded] = False
        chosen[best, crowded] = True
    chosen &= near[:, candidates]
    target, column = chosen.nonzero(as_tuple=True)
    return candidates[column], target, iou[target, column]


def simota_loss(out, grid, targets, ignore, graded=True):
    """The loss of a batch of logits [B, A, 5 + C].

    `targets`: [n, 5] a picture (class, corners). `ignore`: [m, 4] a picture, regions whose unmatched anchors teach nothing
    (something is there that nobody labelled). `graded`: a class is as
    certain as its box is exact (YOLOX); without it, certain: flames and smoke have no exact edge."""
    corners = decode(out, grid)
    centre = (grid[:, :2] + 0.5) * grid[:, 2:3]
    obj_truth, obj_weight = torch.zeros_like(out[..., 4]), torch.ones_like(out[..., 4])
    box_loss, cls_loss, matched = out.new_zeros(()), out.new_zeros(()), 0
    for b in range(out.shape[0]):
        if len(ignore[b]):
            x, y = centre[:, 0:1], centre[:, 1:2]
            box = ignore[b]
            inside = (x > box[:, 0]) & (x < box[:, 2]) & (y > box[:, 1]) & (y < box[:, 3])
            obj_weight[b, inside.any(1)] = 0
        if not len(targets[b]):
            continue
        anchors, which, iou = assign(corners[b].detach(), out[b, :, 4].detach(), out[b, :, 5:].detach(), targets[b], grid)
        if not anchors.numel():
            continue
        matched += anchors.numel()
        obj_truth[b, anchors], obj_weight[b, anchors] = 1, 1
        truth = targets[b][which]
        mine = corners[b, anchors]
        side = (torch.minimum(mine[:, 2:], truth[:, 3:]) - torch.maximum(mine[:, :2], truth[:, 1:3])).clamp(0)
        inter = side[:, 0] * side[:, 1]
        union = (mine[:, 2:] - mine[:, :2]).prod(1) + (truth[:, 3:] - truth[:, 1:3]).prod(1) - inter
        box_loss = box_loss + (1 - (inter / (union + 1e-9)) ** 2).sum()
        soft = F.one_hot(truth[:, 0].long(), out.shape[2] - 5).float()
        if graded:
            soft = soft * iou[:, None]
        cls_loss = cls_loss + F.binary_cross_entropy_with_logits(out[b, anchors, 5:], soft, reduction="sum")
    obj_loss = F.binary_cross_entropy_with_logits(out[..., 4], obj_truth, weight=obj_weight, reduction="sum")
    return (5 * box_loss + obj_loss + cls_loss) / max(matched, out.shape[0])


def echo_loss(out, heard, first_class=0):
    """How far the class scores of logits [B, A, 5 + C] are from those of a net that is listened to, where the two disagree: what it
    knew of other places is not unlearned from the few that are trained on. Classes before `first_class` are left alone."""
    mine, theirs = (x[..., 4:5].sigmoid() * x[..., 5 + first_class :].sigmoid() for x in (out, heard))
    apart = F.binary_cross_entropy(mine.clamp(1e-6, 1 - 1e-6), theirs, reduction="none") * (mine - theirs).detach().abs()
    return apart.sum() / (theirs.amax(2) > 0.3).sum().clamp(out.shape[0])


def average_precision(found, truth, iou=0.5, ignored=None):
    """All-point AP of one class. `found`: a list a picture of [n, 5] (score, corners); `truth`: a list of [m, 4].

    `ignored`: a list of [k, 4]; a detection on one of these counts neither way. Returns (AP, number of truths)."""
    marks, total = [], sum(len(t) for t in truth)
    for i, (dets, boxes) in enumerate(zip(found, truth)):
        used = np.zeros(len(boxes), bool)
        for det in dets[np.argsort(-dets[:, 0])]:
            overlap = iou_matrix(det[None, 1:5], boxes)[0] if len(boxes) else np.zeros(0)
            best = int(np.where(used, -1, overlap).argmax()) if len(boxes) else -1
            if best >= 0 and not used[best] and overlap[best] >= iou:
                used[best] = True
                marks.append((det[0], 1))
            elif ignored is not None and len(ignored[i]) and iou_matrix(det[None, 1:5], ignored[i])[0].max() >= iou:
                continue
            else:
                marks.append((det[0], 0))
    if not total or not marks:
        return 0.0, total
    hits = np.array([m[1] for m in sorted(marks, key=lambda m: -m[0])])
    recall = np.cumsum(hits) / total
    precision = np.maximum.accumulate((np.cumsum(hits) / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(np.concatenate(([0], recall))) * precision)), total
