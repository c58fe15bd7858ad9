"""Prints an edge configuration for one camera of the user's own: `own_camera.py URL STATE_FOLDER`.

Name and password in the address are moved to a file that only the user can read, since the gateway takes no credentials in
addresses (they would end in logs)."""
import os
import pathlib
import sys
from urllib.parse import unquote, urlsplit, urlunsplit

address, state = urlsplit(sys.argv[1]), pathlib.Path(sys.argv[2])
if address.scheme not in ("rtsp", "rtsps") or not address.hostname:
    sys.exit(f"demo: CAMERA must be an address such as rtsp://192.0.2.7/stream1, not {sys.argv[1].split('@')[-1]!r}")
host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
url = urlunsplit((address.scheme, host + (f":{address.port}" if address.port else ""), address.path, address.query, ""))
login = ""
if address.username:
    secret = state / "secrets" / "camera"
    secret.write_text(unquote(address.password or "") + "\n", encoding="utf-8")
    os.chmod(secret, 0o600)
    login = f'username = "{unquote(address.username)}"\npassword_file = "{secret.resolve()}"\n'

common = pathlib.Path("configs/demo/edge.toml").read_text(encoding="utf-8").split("[[camera]]")[0]
root = pathlib.Path("configs/demo").resolve()
# Relative paths of the demo's configuration start at its folder; this one lies elsewhere.
common = common.replace('"../../', f'"{root.parent.parent}/')
print(common)
print(f"""[[camera]]
id = "cam-1"
name = "Camera 1"
position = [106.6519, 10.9804]
url = "{url}"
{login}asks = ["congestion", "stopped_vehicle", "wrong_way", "pedestrian", "fire", "smoke", "flood"]
""")
