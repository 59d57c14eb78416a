"""Recurrent cells in training: a whole sequence is one node of the graph.

torch's own cells leave some twenty nodes for each step, and on a CPU to walk through
them takes longer than the arithmetic. Here the backward pass is written out: what
doesn't depend on later steps is computed for all at once, and the rest of a step takes
a few calls. LSTM cells stay torch's, which has a faster kernel for them.
"""

import torch
from torch import nn
from torch.autograd.function import Function, once_differentiable


def can_train(cells):
    """Whether ``train`` takes these cells, if they are on a CPU.

    Explainers want torch's, whose gradients can be differentiated again; they come in
    eval mode.
    """
    return type(cells) in _SEQUENCES and cells.training and torch.is_grad_enabled()


def train(cells, x):
    """Read sequences, so that a backward pass is quick.

    Parameters
    ----------
    cells : nn.GRU or nn.RNN
        One layer with biases, read in one direction, samples first.

    x : Tensor of shape (n_samples, timesteps, n_in)

    Returns
    -------
    output : Tensor of shape (n_samples, timesteps, hidden_size)
    """
    weights = cells.weight_ih_l0, cells.weight_hh_l0
    biases = cells.bias_ih_l0, cells.bias_hh_l0
    return _SEQUENCES[type(cells)].apply(x, *weights, *biases)


def _steps_first(x):
    """Let what belongs to one step lie together."""
    return x.transpose(0, 1).contiguous()


class _ElmanSequence(Function):
    """Each state is ``tanh(w_in @ x + b_in + w @ former + b)``."""

    @staticmethod
    def forward(ctx, x, w_in, w, b_in, b):
        x = _steps_first(x)
        states = nn.functional.linear(x, w_in, b_in + b)
        state, *others = states.unbind()
        state.tanh_()
        for other in others:
            state = other.addmm_(state, w.T).tanh_()
        ctx.save_for_backward(x, w_in, w, states)
        return states.transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_output):
        x, w_in, w, states = ctx.saved_tensors
        delta = 1 - states.square()
        deltas, given = delta.unbind(), d_output.unbind(1)
        d_state = given[-1]
        for t in range(len(x) - 1, 0, -1):
            deltas[t].mul_(d_state)
            d_state = torch.addmm(given[t - 1], deltas[t], w)
        deltas[0].mul_(d_state)
        d_x = (delta @ w_in).transpose(0, 1) if ctx.needs_input_grad[0] else None
        d_w_in, d_w = _d_weight(delta, x), _d_weight(delta[1:], states[:-1])
        d_b = delta.sum((0, 1))
        return d_x, d_w_in, d_w, d_b, d_b


class _GatedSequence(Function):
    """States of Cho et al. (2014), as torch and cuDNN have them.

    The candidate is ``tanh(own + reset * recalled)``: what the input and the former
    state say stays apart. The gates lie in the order of own, reset, update, recalled,
    so one product with the input fills the first three, and one with the state adds to
    the last three.
    """

    @staticmethod
    def forward(ctx, x, w_in, w, b_in, b):
        x, size, w_t = _steps_first(x), w.shape[1], w.T
        n_steps, n_samples, _ = x.shape
        # The rows of parameters are those of reset, update, candidate.
        w_in = w_in.roll(size, 0)
        both, own = (b_in + b)[: 2 * size], b_in[2 * size :]
        bias = torch.cat([own, both, b[2 * size :]])
        gates = bias.expand(n_steps, n_samples, -1).contiguous()
        gates.flatten(0, 1)[:, : 3 * size].addmm_(x.flatten(0, 1), w_in.T)
        states = x.new_zeros(n_steps + 1, n_samples, size)
        state, *others = states.unbind()
        steps = zip(
            others,
            gates[:, :, size:].unbind(),
            gates[:, :, size : 3 * size].unbind(),
            *(gate.unbind() for gate in gates.chunk(4, 2)),
            strict=True,
        )
        for other, recurrent, sigmoids, candidate, reset, update, recalled in steps:
            recurrent.addmm_(state, w_t)
            sigmoids.sigmoid_()
            candidate.addcmul_(reset, recalled).tanh_()
            state = torch.lerp(candidate, state, update, out=other)
        ctx.save_for_backward(x, w_in, w, gates, states)
        return states[1:].transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx, d_output):
        x, w_in, w, gates, states = ctx.saved_tensors
        size = w.shape[1]
        delta = _gated_derivatives(gates, states[1:])
        own, recurrent = delta[:, :, : 3 * size], delta[:, :, size:]
        deltas, recurrents = delta.unflatten(2, (4, size)).unbind(), recurrent.unbind()
        updates, given = gates.chunk(4, 2)[2].unbind(), d_output.unbind(1)
        d_state = given[-1].clone()
        for_each_gate = d_state.unsqueeze(1)
        for t in range(len(x) - 1, 0, -1):
            deltas[t].mul_(for_each_gate)
            d_state.mul_(updates[t]).add_(given[t - 1]).addmm_(recurrents[t], w)
        deltas[0].mul_(for_each_gate)
        d_x = (own @ w_in).transpose(0, 1) if ctx.needs_input_grad[0] else None
        d_w_in, d_w = _d_weight(own, x), _d_weight(recurrent[1:], states[1:-1])
        d_b = delta.sum((0, 1))
        d_b_in, d_b = d_b[: 3 * size], d_b[size:]
        return d_x, d_w_in.roll(-size, 0), d_w, d_b_in.roll(-size), d_b


def _gated_derivatives(gates, states):
    """Derivatives of states with respect to sums that their gates were made of.

    Parameters
    ----------
    gates : Tensor of shape (timesteps, n_samples, 4 * hidden_size)
        Candidate, reset, update, recalled.

    states : Tensor of shape (timesteps, n_samples, hidden_size)

    Returns
    -------
    derivatives : Tensor of the shape of gates
    """
    derivatives = torch.empty_like(gates)
    candidate, reset, update, recalled = gates.chunk(4, 2)
    d_own, d_reset, d_update, d_recalled = derivatives.chunk(4, 2)
    renewed = 1 - update
    torch.addcmul(renewed, renewed * candidate, candidate, value=-1, out=d_own)
    torch.mul(d_own, reset, out=d_recalled)
    scaled = d_recalled * recalled
    torch.addcmul(scaled, scaled, reset, value=-1, out=d_reset)
    # The first factor is update * (former state - candidate).
    torch.mul(states - candidate, renewed, out=d_update)
    return derivatives


def _d_weight(delta, x):
    # The other way round takes four times as long where x is narrow.
    return (x.flatten(0, 1).T @ delta.flatten(0, 1)).T


_SEQUENCES = {nn.RNN: _ElmanSequence, nn.GRU: _GatedSequence}
