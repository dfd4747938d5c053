"""What can be published on the hub: a value that is one file, with a card made of what it knows."""

from abc import ABC, abstractmethod

from sgram.hub.card import CardFields
from sgram.hub.publishing import PublishedCommit, publish_files


class Publishable(ABC):
    """A value with the files of a repository on the hub."""

    __slots__ = ()

    @property
    @abstractmethod
    def hub_message(self) -> str:
        """Message of the commit that publishes the value."""

    @abstractmethod
    def hub_files(self, repository: str, card: CardFields | None = None) -> dict[str, bytes]:
        """Return the files that `push_to_hub` sends, content by name: the value and its card, README.md.

        Raise `UsageError` if `repository` is not ``owner/name``, or if the figures of `card` are those of another one.
        """

    def push_to_hub(
        self,
        repository: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        card: CardFields | None = None,
        endpoint: str | None = None,
    ) -> PublishedCommit:
        """Publish the value with its card in the repository ``owner/name`` of the hub, and return the commit.

        The repository is created if it is missing, `private` or public (by default as its owner has set); `revision` is
        a branch. `token` is by default that of ``hf auth login``. `card` says what the value itself does not know,
        such as its license. `endpoint` is the address of another hub, by default ``HF_ENDPOINT``. Raise what
        `hub_files` and `sgram.hub.publishing.publish_files` raise.
        """
        return publish_files(
            repository,
            self.hub_files(repository, card),
            self.hub_message,
            private=private,
            token=token,
            revision=revision,
            endpoint=endpoint,
        )
