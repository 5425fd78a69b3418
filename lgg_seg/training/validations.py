"""When a training validates: after epochs, or within them as `trainer.val_check_interval` has it."""

import logging

import pytorch_lightning as pl

from lgg_seg.errors import UserError

log = logging.getLogger(__name__)


def within_epochs(val_check_interval: float | None) -> bool:
    """Whether Lightning's interval has validations within an epoch; as an int it is a number of batches."""
    return isinstance(val_check_interval, int) or val_check_interval not in (None, 1.0)


def validates_within_epochs(trainer: pl.Trainer) -> bool:
    """Whether each validation, and not each epoch, has a row in the history and a chance to be the best one."""
    return trainer.enable_validation and within_epochs(trainer.val_check_interval)


def is_validated_after(trainer: pl.Trainer, batches: int) -> bool:
    """Whether a validation follows so many batches of the epoch at hand, within it."""
    return validates_within_epochs(trainer) and _is_validated(trainer) and batches % _interval(trainer) == 0


def is_measured(trainer: pl.Trainer) -> bool:
    """Whether the end of the epoch at hand has a row: it is validated by `check_val_every_n_epoch`, or none is."""
    if validates_within_epochs(trainer):
        return False
    return not trainer.enable_validation or _is_validated(trainer)


def _is_validated(trainer: pl.Trainer) -> bool:
    """Whether `check_val_every_n_epoch` has the epoch at hand validated."""
    return (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0


def _interval(trainer: pl.Trainer) -> int:
    """The batches from one validation to the next of an epoch."""
    return int(trainer.val_check_batch or trainer.num_training_batches)


def steps_in_all(trainer: pl.Trainer) -> int:
    """The optimizer steps of the training, whose batches Lightning counts for it."""
    given = f"trainer.val_check_interval={trainer.val_check_interval}"
    try:
        total = int(trainer.estimated_stepping_batches)
    except ValueError as error:
        batches = trainer.num_training_batches
        if not (validates_within_epochs(trainer) and _interval(trainer) > batches):
            raise
        raise UserError(
            f"{given}, but an epoch has {batches} batches; take that many or fewer, or trainer.check_val_every_n_epoch."
        ) from error
    window, interval = trainer.accumulate_grad_batches, _interval(trainer)
    if validates_within_epochs(trainer) and interval % window and interval != trainer.num_training_batches:
        raise UserError(
            f"{given} is {interval} of an epoch's {trainer.num_training_batches} batches, within a step of "
            f"trainer.accumulate_grad_batches={window}; give a multiple of {window}."
        )
    share, batches = trainer.val_check_interval, trainer.num_training_batches
    if isinstance(share, float) and share * batches < 1 and trainer.is_global_zero:
        log.warning("%s of an epoch's %d batches is less than one; a validation follows each", given, batches)
    return total
