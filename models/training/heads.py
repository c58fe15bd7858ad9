"""Training a head on what a frozen trunk saw (`seen.py`): batches by kind and scene, AdamW, one cycle, a moving average; and what heads that did
not see a scene say of it, from which the scale of the scores and the thresholds come."""

import copy
import hashlib

import numpy as np
import torch
from torch.nn import functional as F

FOLDS = 3
SEED = 7


def fold_of(scene):
    """Which of the folds a scene is in."""
    return int(_digest(scene), 16) % FOLDS


def _digest(scene):
    return hashlib.sha256(scene.encode()).hexdigest()


def by_scene(known, kinds, without=None, share=1.0, shared=(), draw=0):
    """Indices of pictures by kind and scene: all scenes, or those outside a fold; of the kinds `shared` only a share of the scenes (learning curve),
    others for each `draw`.

    Changed pictures count with their scene."""
    groups = {kind: {} for kind in kinds}
    for index, k in enumerate(known):
        if without is None or fold_of(k.scene) != without:
            groups[k.kind].setdefault(k.scene, []).append(index)
    for kind in shared:
        for scene in sorted(groups[kind], key=lambda scene: _digest(f"{draw} {scene}"))[max(1, round(share * len(groups[kind]))) :]:
            del groups[kind][scene]
    return {kind: list(scenes.values()) for kind, scenes in groups.items()}


def fit_head(head, seen, scale, groups, mix, loss_of, *, steps, seed, rate=2e-3, blind=0.0, log=print):
    """Trains `head` for `steps` batches of `mix` (pictures by kind) and returns the averaged head. `loss_of(answer, what is known of each)`.

    Larger scenes are shown more often, but not in proportion. `blind`: in this share of the pictures the deepest map is empty, so that the head
    does not answer by the kind of place alone."""
    torch.manual_seed(seed)
    rng = np.random.default_rng((SEED, seed))
    head = head.to(memory_format=torch.channels_last)
    smooth = copy.deepcopy(head)
    optimiser = torch.optim.AdamW(head.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    chances = {kind: np.array([len(g) for g in scenes]) ** 0.5 for kind, scenes in groups.items()}
    total = 0.0
    for step in range(1, steps + 1):
        chosen = []
        for kind, number in mix.items():
            scenes = groups[kind]
            if scenes:
                for g in rng.choice(len(scenes), number, p=chances[kind] / chances[kind].sum()):
                    chosen.append(scenes[g][rng.integers(len(scenes[g]))])
        maps = seen.maps(chosen, scale)
        maps[-1] *= torch.from_numpy(rng.random((len(chosen), 1, 1, 1)) >= blind).float()
        maps = [F.dropout2d(m, 0.1).contiguous(memory_format=torch.channels_last) for m in maps]
        loss = loss_of(head(maps), [seen.known[i] for i in chosen])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        total += float(loss.detach())
        with torch.no_grad():
            for a, p in zip(smooth.parameters(), head.parameters()):
                a.lerp_(p, max(0.02, 1 / step))
        if step % 50 == 0:
            log(f"step {step}/{steps}  loss {total / 50:.3f}", flush=True)
            total = 0.0
    return smooth.eval()


@torch.no_grad()
def unseen_answers(seen, scale, heads):
    """What heads answer to the pictures as they are of the fold that each did not see: (indices, answers)."""
    indices, answers = [], []
    for fold, head in enumerate(heads):
        mine = [i for i, k in enumerate(seen.known) if not k.changed and fold_of(k.scene) == fold]
        for at in range(0, len(mine), 32):
            answers.append(head(seen.maps(mine[at : at + 32], scale)))
        indices += mine
    return indices, torch.cat(answers)


def platt(logits, truth):
    """Factor and shift under which logits are the most honest probabilities of `truth` (0 or 1), as J. Platt fits them."""
    x, y = logits.double().flatten(), truth.double().flatten()
    factor, shift = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (1.0, 0.0))
    optimiser = torch.optim.LBFGS([factor, shift], max_iter=60, line_search_fn="strong_wolfe")

    def step():
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(factor * x + shift, y)
        loss.backward()
        return loss

    optimiser.step(step)
    return float(factor.detach()), float(shift.detach())
