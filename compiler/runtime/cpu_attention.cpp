// Attention on a CPU, forward and backward, 64 queries at a time, each with the blocks of 64 keys that one of them sees.
//
// Scores of a block of queries stay in the cache, and are computed again on the way back; nothing as large as all pairs
// is written. Tensors are `B H T c`, of which the last axis lies together; G heads of keys serve H heads of queries.
// `c` is a multiple of 16.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

namespace {

// Floats in a register, and the tile of a product that is summed in registers.
#if defined(__AVX512F__)
constexpr int LANES = 16, TILE_ROWS = 6, TILE_VECTORS = 4;
#elif defined(__AVX2__)
constexpr int LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2;
#else
constexpr int LANES = 4, TILE_ROWS = 3, TILE_VECTORS = 4;
#endif

constexpr int64_t BLOCK = 64;
constexpr float HIDDEN = -std::numeric_limits<float>::infinity();

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void store(float* to, Vector values) { *reinterpret_cast<Vector*>(to) = values; }
inline int64_t round_up(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

inline float sum_of(Vector values) {
  float sum = 0;
  for (int lane = 0; lane < LANES; lane++) sum += values[lane];
  return sum;
}

inline float largest_of(Vector values) {
  float most = values[0];
  for (int lane = 1; lane < LANES; lane++) most = std::max(most, values[lane]);
  return most;
}

// e to the x, for x that is not above 0 by more than rounding: 2^n e^r, |r| <= ln(2) / 2, the latter by the polynomial of
// Cephes' expf (relative error 2e-7). 0 where it is no normal number; NaN stays NaN.
inline Vector exponential(Vector x) {
  constexpr float LOWEST = -87.0f, ROUNDING = 12582912.0f;  // 1.5 * 2^23: adding it leaves no places behind the point
  Vector bounded = x < LOWEST ? Vector{} + LOWEST : x;
  Vector n = (bounded * 1.44269504f + ROUNDING) - ROUNDING;
  Vector r = bounded - n * 0.693359375f + n * 2.12194440e-4f;
  Vector y = Vector{} + 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  Integers power = (__builtin_convertvector(n, Integers) + 127) << 23;
  return x < LOWEST ? Vector{} : y * reinterpret_cast<Vector&>(power);
}

// -- products ---------------------------------------------------------------------------------------------------------

// A matrix whose entry in row r, column c is at[r * row + c * column].
struct Matrix {
  const float* at;
  int64_t row, column;
};

template <int ROWS, int VECTORS>
inline void multiply_tile(int64_t depth, Matrix a, const float* b, int64_t b_row, float* to, int64_t to_row, bool adds) {
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) sum[r][v] = adds ? load(to + r * to_row + v * LANES) : Vector{};
  for (int64_t k = 0; k < depth; k++) {
    Vector across[VECTORS];
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) across[v] = load(b + k * b_row + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
      float factor = a.at[r * a.row + k * a.column];
#pragma GCC unroll 8
      for (int v = 0; v < VECTORS; v++) sum[r][v] += factor * across[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++) store(to + r * to_row + v * LANES, sum[r][v]);
}

template <int VECTORS>
void multiply_stripe(int64_t rows, int64_t depth, Matrix a, const float* b, int64_t b_row, float* to, int64_t to_row,
                     bool adds) {
  auto rest = [&](int64_t r) { return Matrix{a.at + r * a.row, a.row, a.column}; };
  int64_t r = 0;
  for (; r + TILE_ROWS <= rows; r += TILE_ROWS)
    multiply_tile<TILE_ROWS, VECTORS>(depth, rest(r), b, b_row, to + r * to_row, to_row, adds);
  for (; r + 2 <= rows; r += 2) multiply_tile<2, VECTORS>(depth, rest(r), b, b_row, to + r * to_row, to_row, adds);
  for (; r < rows; r++) multiply_tile<1, VECTORS>(depth, rest(r), b, b_row, to + r * to_row, to_row, adds);
}

// to [rows, columns] = a [rows, depth] b [depth, columns], or plus what is there; columns are a multiple of LANES.
void multiply(int64_t rows, int64_t columns, int64_t depth, Matrix a, const float* b, int64_t b_row, float* to,
              int64_t to_row, bool adds) {
  int64_t c = 0;
  for (; c + TILE_VECTORS * LANES <= columns; c += TILE_VECTORS * LANES)
    multiply_stripe<TILE_VECTORS>(rows, depth, a, b + c, b_row, to + c, to_row, adds);
  for (; c < columns; c += LANES) multiply_stripe<1>(rows, depth, a, b + c, b_row, to + c, to_row, adds);
}

void scale_rows(int64_t rows, int64_t columns, const float* from, int64_t from_row, float by, float* to, int64_t to_row) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c += LANES) store(to + r * to_row + c, load(from + r * from_row + c) * by);
}

// to [columns, padded] = scale * from [rows, columns], turned over, and zeros behind.
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float scale, float* to,
               int64_t padded) {
  for (int64_t first = 0; first < rows; first += LANES) {
    int64_t count = std::min<int64_t>(LANES, rows - first);
    for (int64_t c = 0; c < columns; c++)
      for (int64_t r = 0; r < count; r++) to[c * padded + first + r] = from[(first + r) * from_row + c] * scale;
  }
  for (int64_t c = 0; c < columns; c++) std::fill(to + c * padded + rows, to + (c + 1) * padded, 0.0f);
}

// -- the problem ------------------------------------------------------------------------------------------------------

// A tensor of four axes; the stride of an axis along which it is the same is 0, and of the last one 1.
struct Tensor {
  float* at;
  int64_t batch, head, row;
  float* of(int64_t b, int64_t h, int64_t r = 0) const { return at + b * batch + h * head + r * row; }
};

struct Problem {
  Tensor query, key, value, out;
  Tensor bias;  // added to the scores, -inf for what is hidden; `at` is null where there is none
  Tensor total;  // the logarithm of the sum of exponentials, without a last axis
  int64_t batch, heads, groups, queries, keys, width, value_width;
  float scale;
  bool causal;

  int64_t padded() const { return round_up(keys, BLOCK) + LANES; }  // so that rows do not share places of a cache
  int64_t end(int64_t query) const { return causal ? std::min(keys, query + 1) : keys; }
};

struct Gradients {
  Tensor out, query, key, value;
};

// Keys that lie together.
struct Run {
  int64_t first, last;
};

using Runs = std::vector<Run>;

// The keys that some query of a block may see, without the blocks that the bias hides.
class Seen {
 public:
  Seen(const Problem& problem, int threads) : blocks_((problem.queries + BLOCK - 1) / BLOCK) {
    const Tensor& bias = problem.bias;
    batch_ = bias.at && bias.batch ? problem.batch : 1;
    heads_ = bias.at && bias.head ? problem.heads : 1;
    found_.resize(batch_ * heads_ * blocks_);
#pragma omp parallel for num_threads(threads)
    for (int64_t task = 0; task < static_cast<int64_t>(found_.size()); task++) {
      int64_t block = task % blocks_, head = task / blocks_ % heads_, batch = task / blocks_ / heads_;
      found_[task] = find(problem, bias.at ? bias.of(batch, head) : nullptr, block * BLOCK);
    }
  }

  const Runs& operator()(int64_t batch, int64_t head, int64_t first) const {
    return found_[((batch_ > 1 ? batch : 0) * heads_ + (heads_ > 1 ? head : 0)) * blocks_ + first / BLOCK];
  }

 private:
  static Runs find(const Problem& problem, const float* bias, int64_t first) {
    int64_t last = std::min(first + BLOCK, problem.queries), end = problem.end(last - 1);
    if (!bias) return end ? Runs{{0, end}} : Runs{};
    if (!problem.bias.row) last = first + 1;
    Runs runs;
    for (int64_t key = 0; key < end; key += BLOCK) {
      int64_t until = std::min(key + BLOCK, end);
      bool seen = false;
      for (int64_t query = first; query < last && !seen; query++)
        for (int64_t k = key; k < until; k++) seen |= !(bias[query * problem.bias.row + k] == HIDDEN);
      if (!seen) continue;
      if (!runs.empty() && runs.back().last == key) {
        runs.back().last = until;
      } else {
        runs.push_back({key, until});
      }
    }
    return runs;
  }

  int64_t batch_, heads_, blocks_;
  std::vector<Runs> found_;
};

// Room of a thread for one matrix.
class Room {
 public:
  Room(int64_t rows, int64_t columns)
      : at_(static_cast<float*>(::operator new(sizeof(float) * (rows * columns + LANES), std::align_val_t{64}))) {}
  float* get() const { return at_.get(); }

 private:
  struct Free {
    void operator()(float* at) const { ::operator delete(at, std::align_val_t{64}); }
  };
  std::unique_ptr<float, Free> at_;
};

// The scores of a block of queries with the keys of `runs`; behind the last key of a query they are HIDDEN, up to a
// multiple of LANES. `keys` is the transposed of the scaled keys.
void score(const Problem& problem, int64_t batch, int64_t head, int64_t first, int64_t rows, const Runs& runs,
           const float* keys, float* scores) {
  int64_t padded = problem.padded();
  Matrix queries{problem.query.of(batch, head, first), problem.query.row, 1};
  for (Run run : runs) {
    int64_t until = round_up(run.last, LANES);
    multiply(rows, until - run.first, problem.width, queries, keys + run.first, padded, scores + run.first, padded, false);
    for (int64_t r = 0; r < rows; r++) {
      float* row = scores + r * padded;
      int64_t end = std::max(run.first, std::min(run.last, problem.end(first + r)));
      if (problem.bias.at) {
        const float* bias = problem.bias.of(batch, head, first + r);
        for (int64_t k = run.first; k < end; k++) row[k] += bias[k];
      }
      std::fill(row + end, row + until, HIDDEN);
    }
  }
}

// Make exponentials of a row of scores. Returns what their sum is to be divided by or, of a query that sees nothing, 0;
// `total` becomes the logarithm of their sum.
float exponentiate(const Runs& runs, float* row, float& total) {
  Vector largest = Vector{} + HIDDEN;
  for (Run run : runs)
    for (int64_t k = run.first; k < run.last; k += LANES) {
      Vector scores = load(row + k);
      largest = scores < largest ? largest : scores;
    }
  float most = largest_of(largest);
  if (most == HIDDEN) most = 0;  // then all exponentials are 0, unless one is NaN
  Vector sums = {};
  for (Run run : runs)
    for (int64_t k = run.first; k < run.last; k += LANES) {
      Vector weights = exponential(load(row + k) - most);
      store(row + k, weights);
      sums += weights;
    }
  float sum = sum_of(sums);
  total = sum == 0 ? 0 : most + std::log(sum);
  return sum == 0 ? 0 : 1 / sum;
}

void attend(const Problem& problem, const Seen& seen, int64_t batch, int64_t group, float* keys, float* scores) {
  int64_t padded = problem.padded(), shared = problem.heads / problem.groups;
  const Tensor &key = problem.key, &value = problem.value, &out = problem.out;
  transpose(problem.keys, problem.width, key.of(batch, group), key.row, problem.scale, keys, padded);
  for (int64_t head = group * shared; head < (group + 1) * shared; head++)
    for (int64_t first = 0; first < problem.queries; first += BLOCK) {
      int64_t rows = std::min(BLOCK, problem.queries - first);
      const Runs& runs = seen(batch, head, first);
      score(problem, batch, head, first, rows, runs, keys, scores);
      float shares[BLOCK];
      for (int64_t r = 0; r < rows; r++)
        shares[r] = exponentiate(runs, scores + r * padded, *problem.total.of(batch, head, first + r));
      float* to = out.of(batch, head, first);
      for (const Run& run : runs)
        multiply(rows, problem.value_width, run.last - run.first, {scores + run.first, padded, 1},
                 value.of(batch, group, run.first), value.row, to, out.row, &run != &runs.front());
      for (int64_t r = 0; r < rows; r++) {
        float* row = to + r * out.row;
        if (shares[r] == 0) {
          std::fill(row, row + problem.value_width, 0.0f);
        } else {
          scale_rows(1, problem.value_width, row, 0, shares[r], row, 0);
        }
      }
    }
}

// Where a thread works on its way back.
struct Workplace {
  explicit Workplace(const Problem& problem)
      : keys(problem.width, problem.padded()), values(problem.value_width, problem.padded()),
        weights(BLOCK, problem.padded()), slopes(BLOCK, problem.padded()), of_key(problem.keys, problem.width),
        of_value(problem.keys, problem.value_width) {}
  Room keys, values, weights, slopes, of_key, of_value;
};

// Of scores and of the gradients of weights, rows of a block: the weights, and the gradients of scores.
void differentiate(const Problem& problem, const Tensor& of_out, int64_t batch, int64_t head, int64_t first,
                   int64_t rows, const Runs& runs, float* weights, float* slopes) {
  int64_t padded = problem.padded();
  for (int64_t r = 0; r < rows; r++) {
    const float *out = problem.out.of(batch, head, first + r), *slope = of_out.of(batch, head, first + r);
    Vector products = {};
    for (int64_t c = 0; c < problem.value_width; c += LANES) products += load(out + c) * load(slope + c);
    float mean = sum_of(products), total = *problem.total.of(batch, head, first + r);
    for (Run run : runs)
      for (int64_t k = run.first; k < run.last; k += LANES) {
        float *weight = weights + r * padded + k, *of_score = slopes + r * padded + k;
        Vector made = exponential(load(weight) - total);
        store(weight, made);
        store(of_score, made * (load(of_score) - mean));
      }
  }
}

void attend_back(const Problem& problem, const Gradients& of, const Seen& seen, int64_t batch, int64_t group,
                 const Workplace& at) {
  int64_t padded = problem.padded(), shared = problem.heads / problem.groups;
  int64_t width = problem.width, value_width = problem.value_width;
  const Tensor &query = problem.query, &key = problem.key, &value = problem.value;
  float *weights = at.weights.get(), *slopes = at.slopes.get(), *of_key = at.of_key.get(), *of_value = at.of_value.get();
  transpose(problem.keys, width, key.of(batch, group), key.row, problem.scale, at.keys.get(), padded);
  transpose(problem.keys, value_width, value.of(batch, group), value.row, 1, at.values.get(), padded);
  std::fill(of_key, of_key + problem.keys * width, 0.0f);
  std::fill(of_value, of_value + problem.keys * value_width, 0.0f);
  for (int64_t head = group * shared; head < (group + 1) * shared; head++)
    for (int64_t first = 0; first < problem.queries; first += BLOCK) {
      int64_t rows = std::min(BLOCK, problem.queries - first);
      const Runs& runs = seen(batch, head, first);
      const float *of_out = of.out.of(batch, head, first), *queries = query.of(batch, head, first);
      float* of_query = of.query.of(batch, head, first);
      score(problem, batch, head, first, rows, runs, at.keys.get(), weights);
      for (Run run : runs)
        multiply(rows, round_up(run.last, LANES) - run.first, value_width, {of_out, of.out.row, 1},
                 at.values.get() + run.first, padded, slopes + run.first, padded, false);
      differentiate(problem, of.out, batch, head, first, rows, runs, weights, slopes);
      for (int64_t r = 0; r < rows && runs.empty(); r++)
        std::fill(of_query + r * of.query.row, of_query + r * of.query.row + width, 0.0f);
      for (const Run& run : runs) {
        int64_t count = run.last - run.first;
        multiply(count, value_width, rows, {weights + run.first, 1, padded}, of_out, of.out.row,
                 of_value + run.first * value_width, value_width, true);
        multiply(count, width, rows, {slopes + run.first, 1, padded}, queries, query.row, of_key + run.first * width,
                 width, true);
        multiply(rows, width, count, {slopes + run.first, padded, 1}, key.of(batch, group, run.first), key.row, of_query,
                 of.query.row, &run != &runs.front());
      }
      scale_rows(rows, width, of_query, of.query.row, problem.scale, of_query, of.query.row);
    }
  scale_rows(problem.keys, width, of_key, width, problem.scale, of.key.of(batch, group), of.key.row);
  scale_rows(problem.keys, value_width, of_value, value_width, 1, of.value.of(batch, group), of.value.row);
}

}  // namespace

// Fills `out` and `total`.
extern "C" void forward(const Problem& problem, int threads) {
  Seen seen(problem, threads);
#pragma omp parallel num_threads(threads)
  {
    Room keys(problem.width, problem.padded()), scores(BLOCK, problem.padded());
#pragma omp for schedule(static)
    for (int64_t task = 0; task < problem.batch * problem.groups; task++)
      attend(problem, seen, task / problem.groups, task % problem.groups, keys.get(), scores.get());
  }
}

// Fills all gradients but that of `out`, which is given.
extern "C" void backward(const Problem& problem, const Gradients& of, int threads) {
  Seen seen(problem, threads);
#pragma omp parallel num_threads(threads)
  {
    Workplace workplace(problem);
#pragma omp for schedule(static)
    for (int64_t task = 0; task < problem.batch * problem.groups; task++)
      attend_back(problem, of, seen, task / problem.groups, task % problem.groups, workplace);
  }
}
