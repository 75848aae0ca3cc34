"""fit.py with thumbnails made in a process of their own: pictures are objects of Pillow's, so the codec is pickle."""

import fit
from PIL import ImageOps

import shm_rpc_bridge

if __name__ == "__main__":
    with shm_rpc_bridge.spawn("PIL.ImageOps", only=["fit"], codec="pickle") as client:
        ImageOps.fit = client.remote.fit
        fit.main()
