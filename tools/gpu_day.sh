#!/usr/bin/env bash
# What a GPU is used for when there is one for minutes. Each part has its seconds and writes into $OUT what it has as soon as it has
# it; one that fails or runs out of time is noted in $OUT/day.txt, and the next goes on.
#
#   mkdir gpu_data && cp -r FOLDER/BSDS500 gpu_data/                      once; ignored by git, 35 MB
#   OUT=gpu_out HINAS_DATA=gpu_data bash tools/gpu_day.sh                 check gradients bench stability: 6 minutes
#   OUT=gpu_out HINAS_DATA=gpu_data bash tools/gpu_day.sh search colour   with what they decided; then gray, searched, x4, seeds
#
# A machine that is lent forgets $WORK: with BACK=FOLDER, what an earlier call brought back goes on, or is trained (searched).
# check       graphs = eager, resume = undisturbed, batched validation = one by one, in every precision (tools/gpu_check.py)
# gradients   the ways to a convolution's weight gradient; what wins goes into CHOSEN of space/weight_gradients.py
# stability   the first steps of trainings and of a search at full batch (docs/stability.md)
# bench       steps, memory and validation at paper and at classroom -> data/bench/
# search      a whole denoising search; its record, genotype and env are kept, at most 300 KB
# others      nets: their run folders and what they give on 20 pictures; a training that was cut short keeps its state and goes on
#
# Needs torch, numpy, scikit-image, safetensors and tqdm. The tests rehearse all of it with
# PRESET=tiny DEVICE=cpu DATA=FOLDER STEPS=4 BATCH=2 SHORT=float32 (torch 2.13's bfloat16 weight gradients of dilated convolutions
# with 40 channels are nan on a CPU).
set -u
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3} DEVICE=${DEVICE:-cuda} PRESET=${PRESET:-paper} DATA=${DATA:-BSDS500}
OUT=${OUT:-gpu_out} WORK=${WORK:-gpu_work} BACK=${BACK:-} DEADLINE=${DEADLINE:-570}
PRECISION=${PRECISION:-tf32}   # of searches
SHORT=${SHORT:-bfloat16}       # precision of the nets
STEPS=${STEPS:-}               # of every training and stability run; empty: as below
BATCH=${BATCH:-32}             # of the nets
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT" "$WORK"

part() {  # name, seconds, command ...
  local name=$1 limit=$2 left=$((DEADLINE - SECONDS)) start=$SECONDS code
  shift 2
  ((limit < left)) || limit=$left
  if ((limit < 5)); then
    echo "$name: no time left" | tee -a "$OUT/day.txt"
    return 1
  fi
  timeout -s INT -k 15 "$limit" "$@" >>"$OUT/$name.log" 2>&1
  code=$?
  echo "$name: exit code $code after $((SECONDS - start)) s" | tee -a "$OUT/day.txt"
  return "$code"
}

bring() {  # run folder, name: what is kept of a run
  [ -d "$1" ] || return 0
  mkdir -p "$OUT/$2"
  local files="config.json env.json records.npz genotype.json"
  grep -q '"kind": "search"' "$1/config.json" || files+=" best.safetensors"
  [ -e "$1/best.safetensors" ] || files+=" state.safetensors"
  for file in $files; do
    [ ! -e "$1/$file" ] || cp "$1/$file" "$OUT/$2/"
  done
}

fetch() {  # name: a run that an earlier call brought back
  [ -z "$BACK" ] || [ -d "$WORK/$1" ] || [ ! -d "$BACK/$1" ] || cp -r "$BACK/$1" "$WORK/$1"
}

lab_part() {  # name, seconds, hinas-lab's arguments
  local name=$1 limit=$2
  shift 2
  part "$name" "$limit" "$PYTHON" -m hinas_lab "$@" --device "$DEVICE"
}

search() {  # name, seconds, seed
  fetch "$1"
  lab_part "$1" "$2" search --preset "$PRESET" --data "$DATA" --seed "$3" --set search.precision="$PRECISION" --run "$WORK/$1" --resume
  bring "$WORK/$1" "$1"
}

train() {  # name, seconds, genotype, level (--sigma 50, --scale 4), --set ...
  local name=$1 limit=$2 genotype=$3 level=$4
  shift 4
  fetch "$name"
  [ -e "$genotype" ] || { echo "$name: no $genotype" | tee -a "$OUT/day.txt"; return; }
  lab_part "$name" "$limit" train --genotype "$genotype" --preset "$PRESET" --data "$DATA" --run "$WORK/$name" --resume \
    "$@" ${STEPS:+--set train.iterations=$STEPS} &&
    lab_part "$name" 60 evaluate --method "$WORK/$name" --dataset "$DATA" $level --limit 20 --json "$OUT/$name.json"
  bring "$WORK/$name" "$name"
}

net() {  # name, genotype's changes (sed), level, iterations, width, stem, --set ...: as shared by the nets that come with the project
  local name=$1 change=$2 level=$3 iterations=$4 width=$5 stem=$6
  shift 6
  sed "$change" tools/gpu_day.json >"$WORK/$name.json"
  train "$name" 180 "$WORK/$name.json" "$level" --set train.width="$width" --set train.stem="$stem" --set train.batch="$BATCH" \
    --set train.patch=48 --set train.optimizer=adam --set train.lr=0.003 --set train.weight_decay=0 --set train.grad_clip=null \
    --set train.warmup=200 --set train.loss.lam=0 --set train.precision="$SHORT" --set train.iterations="$iterations" "$@"
}

BLIND="--set train.sigmas=[5,10,15,20,25,30,35,40,45,50,55,60,65,70]"
stability() {  # kind, task, steps
  part stability 45 "$PYTHON" tools/stability.py "$1" --task "$2" --preset "$PRESET" --data "$DATA" --device "$DEVICE" \
    --steps "${STEPS:-$3}" --json "$OUT/stability.jsonl"
}

for name in ${*:-check gradients bench stability}; do
  case $name in
    check) part check 90 "$PYTHON" tools/gpu_check.py --device "$DEVICE" --preset "$PRESET" --json "$OUT/check.json" ;;
    gradients) lab_part gradients 90 bench --weight-gradients ${STEPS:+--quick} --preset "$PRESET" --json "$OUT/weight-gradients.json" ;;
    stability) stability train denoise 600; stability train sr 400; stability search denoise 150 ;;
    bench)
      lab_part bench 90 bench ${STEPS:+--quick} --preset "$PRESET" --json "$OUT/bench-$PRESET.json"
      lab_part bench 30 bench ${STEPS:+--quick} --preset classroom --json "$OUT/bench-classroom.json" ;;
    search) search search 230 0 ;;
    seeds) search search-1 230 1; search search-2 230 2 ;;
    colour) net colour 's/"channels": 1/"channels": 3/' "--sigma 50" 33000 40 64 $BLIND ;;
    gray) net gray "" "--sigma 50" 34000 40 64 $BLIND ;;
    searched)
      fetch search
      train searched 180 "$WORK/search/genotype.json" "--sigma 50" --set train.precision="$SHORT" --set train.iterations=17000 ;;
    x4) net x4 's/"task": "denoise"/"task": "sr"/; s/"scale": 1/"scale": 4/; s/"channels": 1/"channels": 3/' "--scale 4" 30000 40 64 ;;
    *) echo "$name: no such part" | tee -a "$OUT/day.txt" ;;
  esac
done
