"""The errors a command explains to the person who caused them."""


class EmoclrError(Exception):
    """Base of every error that a command prints without a traceback.

    `exit_code` is what the command returns to the shell: 1 where the work failed, 2 where the arguments or
    the config were wrong. `told_by_the_first` is true where all ranks of a run meet the error at once, so that one
    of them tells it. Every argument is a line of the message.

    Examples:
        >>> EmoclrError("labels.csv: no such file").exit_code
        1
    """

    exit_code = 1
    told_by_the_first = False

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class ConfigError(EmoclrError):
    """A setting that is unknown, of the wrong type or impossible; the message names the key and its source.

    Examples:
        >>> ConfigError("epoch: no such key; did you mean epochs?").exit_code
        2
    """

    exit_code = 2
