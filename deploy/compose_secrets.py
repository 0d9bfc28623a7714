"""Make the passwords of compose.yaml, once: python3 deploy/compose_secrets.py [FOLDER]

Files that are there already stay. The folder is for its owner alone; the files in it are not, as users of
containers have to read what Compose mounts from there.
"""

import json
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"


def files() -> "dict[str, str]":
    """All of them, with fresh passwords: those of one server are in two files each."""
    queue, ledger, key, secret = (secrets.token_hex(24) for _ in range(4))
    identity = {
        "name": "fallow",
        "credentials": [{"accessKey": key[:20], "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    store = f"s3://videos/fallow?endpoint=http://store:8333&region=us-east-1&access_key_id={key[:20]}"
    return {
        "rabbitmq.conf": f"default_user = fallow\ndefault_pass = {queue}\ndefault_vhost = fallow\n",
        "queue-url": f"amqp://fallow:{queue}@rabbitmq/fallow",
        "mariadb-password": ledger,
        "ledger-url": f"mysql://fallow:{ledger}@mariadb/fallow",
        "mariadb-root-password": secrets.token_hex(24),
        "s3.json": json.dumps({"identities": [identity]}, indent=1),
        "store-url": f"{store}&secret_access_key={secret}",
        "secret": secrets.token_hex(24),
        "token": secrets.token_hex(24),
        "api-token": secrets.token_hex(24),
    }


def write(folder: Path) -> bool:
    """Whether they were made: all of them or none, as they belong together."""
    folder.mkdir(parents=True, exist_ok=True)
    made = files()
    if any((folder / name).exists() for name in made):
        return False
    folder.chmod(0o700)
    for name, content in made.items():
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o644)
    return True


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    done = write(chosen)
    sys.stdout.write(f"{chosen} {'has new passwords' if done else 'has passwords already: they stay'}.\n")
