"""Frames of the simulated city with their truth, as `matpho-sim frames SCENARIO --out FOLDER` writes them."""


def vehicle_frames(folder):
    raise NotImplementedError(folder)
