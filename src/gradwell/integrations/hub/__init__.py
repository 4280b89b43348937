"""Models to and from the Hugging Face Hub: safetensors, a configuration in JSON, and a model card with the doctor's report.

huggingface_hub does the transfer, and is imported when something is transferred or a card is written.
"""

from gradwell.integrations.hub.packing import card, pack
from gradwell.integrations.hub.transfer import from_pretrained, pull, push_to_hub

__all__ = ["card", "from_pretrained", "pack", "pull", "push_to_hub"]
