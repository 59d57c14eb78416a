"""The training loop, on skorch."""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import Dataset

from skdeep._backprop import gradient_function
from skdeep._devices import own_stream
from skdeep._flat import FlatParameters
from skdeep._graphs import make_step
from skdeep._lbfgs import minimize_lbfgs
from skdeep._losses import loss_function
from skdeep._optimizers import Solver
from skdeep._progress import Outcome, Progress
from skdeep._threads import TRAINING, n_shards_for, n_updaters_for, threads_for

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def make_net(module, settings, *, n_classes, multilabel, n_steps, batch_size):
    """Wrap `module` in a net that is ready to train.

    Parameters
    ----------
    module : Net

    settings : dict
        Parameters of the estimator.

    n_classes : int

    multilabel : bool

    n_steps : int or None
        Steps of the whole fit; None if it has no planned end.

    batch_size : int

    Returns
    -------
    net : TrainingNet
    """
    net = TrainingNet(
        module,
        criterion=torch.nn.BCEWithLogitsLoss
        if multilabel
        else torch.nn.CrossEntropyLoss,
        classes=list(range(n_classes)),
        callbacks=settings["callbacks"],
        device=str(module.device),
        train_split=None,
        # skorch's scorers would wait for predictions that a batch doesn't make.
        use_caching=False,
        verbose=0,
    )
    net.solver_settings_ = {
        **settings,
        "multilabel": multilabel,
        "n_steps": n_steps,
        # Forward, and twice as much backward.
        "n_operations": 6 * module.n_operations * batch_size,
    }
    return net.initialize()


class SolverHandle(torch.optim.Optimizer):
    """The solver as skorch's callbacks know it; they may change ``lr``."""

    def __init__(self, solver, flat):
        (self.schedule,) = solver.schedules
        super().__init__([flat.vector], {"lr": self.schedule.rate})
        self.solver, self.total = solver, 1.0
        self.shown_rate = self.schedule.rate

    def follow(self):
        """Take over the rate that a callback has set; show the one that counts."""
        group = self.param_groups[0]
        if group["lr"] != self.shown_rate:
            self.schedule.rate = group["lr"]
        self.shown_rate = group["lr"] = self.schedule.rate

    def step(self, closure=None):
        self.follow()
        self.solver.step([self.total])
        self.follow()


class TrainingNet(NeuralNetClassifier):
    """skorch net that trains on slices of tensors, with solvers on a flat vector.

    skorch notifies its callbacks; batches are announced only if a callback listens.
    """

    def get_default_callbacks(self):
        """None: times, scores and log lines that nobody asked for."""
        return []

    def initialize_optimizer(self, triggered_directly=None):
        """Lay the parameters out flat and set the solver up."""
        settings = self.solver_settings_
        flat = self.flat_ = FlatParameters(self.module_)
        settings["slowness"] = self._slowness(settings["column_speeds"])
        on_cpu = self.module_.device.type == "cpu"
        n_shards = n_shards_for(settings["n_operations"]) if on_cpu else 1
        n_threads = min(n_shards, torch.get_num_threads())
        self.solver_ = Solver(
            flat.vector[None],
            flat.gradient[None],
            flat.n_penalized,
            [settings],
            [settings["n_steps"]],
            n_updaters_for(len(flat.vector), n_threads),
        )
        self.loss_function_ = loss_function(
            settings["loss"], settings["multilabel"], settings["focal_gamma"]
        )
        self.gradient_ = gradient_function(
            self.module_,
            self.flat_,
            self.loss_function_,
            settings,
            n_shards,
            n_threads,
        )
        self.step_ = make_step(self.gradient_, self.solver_, [self.module_])
        # A torch optimizer imports torch's compiler: only for callbacks that look.
        self.optimizer_ = SolverHandle(self.solver_, flat) if self.callbacks_ else None
        return self

    def _slowness(self, column_speeds):
        """What the step of each parameter is divided by; None is nothing."""
        if column_speeds is None:
            return None
        slowness = torch.ones_like(self.flat_.vector)
        first = self.module_.linear_layers[0].weight
        self.flat_.views(slowness[None])[first] /= column_speeds.to(slowness)
        return slowness

    def train(self, batches, validation, curves, events, *, max_iter):
        """Train; the module comes out in eval mode.

        Parameters
        ----------
        batches : Batches

        validation : Validation or None

        curves : Curves
            Extended in place.

        events : object
            ``epoch_begins()``, and ``epoch_ends()`` that returns whether to stop.

        max_iter : int

        Returns
        -------
        outcome : Outcome
        """
        progress, settings = self.start(validation, curves), self.solver_settings_
        try:
            with (
                threads_for(settings["n_operations"], TRAINING),
                own_stream(self.module_.device),
            ):
                self.fit_loop(
                    batches, epochs=max_iter, progress=progress, events=events
                )
        except BaseException:
            self.forget_solver()
            raise
        finally:
            self.module_.eval()
        return self.outcome_

    def start(self, validation, curves):
        """Build what records and judges the epochs to come.

        Returns
        -------
        progress : Progress
        """
        settings = self.solver_settings_
        return Progress(
            self.module_,
            self.flat_,
            self.loss_function_,
            validation,
            curves,
            tol=settings["tol"],
            n_iter_no_change=settings["n_iter_no_change"],
            verbose=settings["verbose"],
        )

    def forget_solver(self):
        """Drop what only training needs: moments, gradients, closures."""
        if self.flat_ is not None:
            self.flat_.release_gradients()
        self.flat_ = self.solver_ = self.gradient_ = None
        self.step_ = self.optimizer_ = None

    def fit_loop(self, X, y=None, epochs=None, *, progress, events):
        """Train for at most `epochs` epochs.

        Parameters
        ----------
        X : Batches

        y : None
            The batches hold the targets.

        epochs : int

        progress : Progress

        events : object

        Returns
        -------
        self
        """
        data = self._callback_data(X, progress.validation)
        arrays = {}
        if data:
            arrays = {"X": data["dataset_train"].X, "y": data["dataset_train"].y}
        self.notify("on_train_begin", **arrays)
        lbfgs = self.solver_settings_["solver"] == "lbfgs"
        run = self._run_lbfgs if lbfgs else self._run_epochs
        self.outcome_ = run(X, epochs, progress, events, data)
        progress.restore_best()
        self.notify("on_train_end", **arrays)
        return self

    def _run_epochs(self, batches, epochs, progress, events, data):
        (schedule,), outcome = self.solver_.schedules, None
        while outcome is None:
            self.begin_epoch(events, data)
            loss, n_seen = self.run_single_epoch(batches, True, "train", None)
            stop = self.end_epoch(loss, n_seen, progress, events, data)
            outcome = progress.outcome(schedule, asked_to_stop=stop, max_iter=epochs)
        return outcome

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Train on every batch once.

        Returns
        -------
        loss : float
            Mean over the epoch, plus the penalty at its end.

        n_seen : int
            Number of samples.
        """
        step = self._announced_step if self._listens_to_batches() else self.step_
        if self.optimizer_ is not None:
            self.optimizer_.follow()
        loss_sum, total, n_seen, n_batches = 0.0, 0.0, 0, 0
        self.module_.train()
        with torch.no_grad(), np.errstate(all="ignore"):
            for batch in iterator.epoch(iterator.stage_before(self.module_)):
                loss_sum += step(batch) * batch.total
                total += batch.total
                n_seen += len(batch.x)
                n_batches += 1
            (penalty,) = self.solver_.penalty.values([total / n_batches])
        if self.optimizer_ is not None:
            self.optimizer_.follow()
        return float(loss_sum) / total + penalty, n_seen

    def _announced_step(self, batch):
        pair = (batch.x, batch.target)
        self.notify("on_batch_begin", batch=pair, training=True)
        loss = self.gradient_(batch)
        self.notify(
            "on_grad_computed",
            named_parameters=list(self.module_.named_parameters()),
            batch=pair,
            training=True,
        )
        self.optimizer_.total = batch.total
        self.optimizer_.step()
        self.history.record_batch("train_loss", float(loss))
        self.history.record_batch("train_batch_size", len(batch.x))
        self.notify("on_batch_end", batch=pair, training=True, loss=loss, y_pred=None)
        return loss

    def _run_lbfgs(self, batches, epochs, progress, events, data):
        settings = self.solver_settings_
        self.module_.train()
        asked_to_stop = False

        def stalled():
            # lbfgs has a rule of its own for the training loss.
            return progress.validation is not None and progress.stalled

        def iteration_done(objective):
            nonlocal asked_to_stop
            self.begin_epoch(events, data)
            asked_to_stop = self.end_epoch(
                objective, len(batch.x), progress, events, data
            )
            # A callback may have predicted.
            self.module_.train()
            return asked_to_stop or stalled()

        with torch.no_grad():
            (batch,) = batches.epoch(batches.stage_before(self.module_))
            result = minimize_lbfgs(
                self.flat_,
                self.solver_.penalty,
                lambda: self.gradient_(batch),
                batch.total,
                max_iter=epochs,
                max_fun=settings["max_fun"],
                tol=settings["tol"],
                callback=iteration_done,
            )
            if progress.n_epochs == 0:
                iteration_done(float(result.fun))
        return Outcome(
            progress.n_epochs,
            result.success or asked_to_stop or stalled(),
            f"lbfgs failed to converge after {result.nit} iterations "
            f"(status={result.status}): {result.message}. Increase `max_iter` or "
            "`max_fun`, or scale the data.",
        )

    def begin_epoch(self, events, data):
        """Announce an epoch, with the datasets that callbacks look at."""
        events.epoch_begins()
        self.notify("on_epoch_begin", **data)

    def end_epoch(self, loss, n_seen, progress, events, data):
        """Record the epoch. Returns whether a callback asks to stop."""
        progress.record(loss, n_seen)
        self.history.record("train_loss", loss)
        if progress.validation is not None:
            self.history.record("valid_loss", progress.curves.validation_loss[-1])
            self.history.record("valid_score", progress.curves.validation_score[-1])
        stop = self._notify_epoch_end(data)
        return events.epoch_ends() or stop

    def _notify_epoch_end(self, data):
        try:
            self.notify("on_epoch_end", **data)
        except KeyboardInterrupt:
            # skorch's EarlyStopping stops by raising what Ctrl-C raises; a real
            # Ctrl-C must get through.
            if any(
                isinstance(callback, EarlyStopping)
                and callback.misses_ == callback.patience
                for _, callback in self.callbacks_
            ):
                return True
            raise
        return False

    def _listens_to_batches(self):
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in _BATCH_HOOKS
        )

    def _callback_data(self, batches, validation):
        """Datasets in the form that skorch's callbacks expect."""
        if not self.callbacks_:
            return {}
        index = batches.index
        data = {
            "dataset_train": Dataset(batches.rows.take(index), batches.codes[index]),
            "dataset_valid": None,
        }
        if validation is not None:
            rows = validation.rows.take(slice(None))
            data["dataset_valid"] = Dataset(rows, validation.codes)
        return data
