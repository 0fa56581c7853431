"""An export to the hub: private unless asked otherwise, with the login of the hub's own tools and no other."""

from __future__ import annotations

from pathlib import Path

from synthscale.study.error import UserError


def push(folder: Path, name: str, kind: str, *, public: bool) -> str:
    """Upload the folder as the repository `name` of that kind, `dataset` or `model`; return its address.

    Raises:
        UserError: with one sentence, if the hub does not take it; the folder stays as it is.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        repository = api.create_repo(name, repo_type=kind, private=not public, exist_ok=True)
        is_private = api.repo_info(repository.repo_id, repo_type=kind).private
        if is_private or public:
            api.upload_folder(
                folder_path=folder,
                repo_id=repository.repo_id,
                repo_type=kind,
                commit_message="synthscale export",
            )
            return str(repository)
    except Exception as error:  # of the client's own, or of the HTTP library under it
        is_unreachable = any(name in type(error).__name__ for name in ("Connect", "Timeout", "Offline"))
        what = "the hub cannot be reached: " if is_unreachable else ""
        then = "when it can be" if is_unreachable else "log in with `hf auth login` or set HF_TOKEN, then"
        raise UserError(
            f"{name} was not uploaded ({what}{reason(error)}); the folder stays: {then} `hf upload {name} {folder} "
            f"--repo-type {kind}`."
        ) from error
    raise UserError(f"{name} is there already and public, so nothing was uploaded; add --public if that is meant.")


def reason(error: Exception) -> str:
    """The first line of what went wrong, without the token, whatever a library may have put into it."""
    from huggingface_hub import get_token

    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    token = get_token()
    return (lines[0].replace(token, "…") if token else lines[0]).rstrip(".")
