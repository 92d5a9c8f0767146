"""What keeps a webhook from being set up."""


class WebhookRefused(Exception):
    """A webhook that can't be started; the message says why, without secrets."""
