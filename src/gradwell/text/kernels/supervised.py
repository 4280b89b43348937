import numpy as np
from gradwell.text.kernels.numeric import kernel, prefetch
from gradwell.text.kernels.losses import softmax

@kernel
def train(order, start, stop, words, word_ptr, sub, sub_ptr, grams, gram_ptr, labels, label_ptr, W, V, lr0, lr_step, done, rows, hidden, gradient, scores):
    loss = 0.0
    tokens = done[0]
    dim = W.shape[1]
    for at in range(start, stop):
        line = order[at]
        n = 0
        for t in range(word_ptr[line], word_ptr[line+1]):
            w = words[t]
            for s in range(sub_ptr[w], sub_ptr[w+1]):
                rows[n] = sub[s]
                prefetch(W, rows[n])
                n += 1
        for g in range(gram_ptr[line], gram_ptr[line+1]):
            rows[n] = grams[g]
            prefetch(W, rows[n])
            n += 1
        hidden[:] = 0
        gradient[:] = 0
        for i in range(n):
            r = rows[i]
            for j in range(dim):
                hidden[j] += W[r, j]
        scale = np.float32(1) / np.float32(n)
        for j in range(dim):
            hidden[j] *= scale
        rate = np.float32(lr0 - lr_step * tokens)
        loss += softmax(hidden, V, labels[label_ptr[line]], rate, gradient, scores)
        for j in range(dim):
            gradient[j] *= scale
        for i in range(n):
            r = rows[i]
            for j in range(dim):
                W[r, j] += gradient[j]
        tokens += word_ptr[line+1] - word_ptr[line]
        done[0] = tokens
    return loss
