"""tutorials/data/lantern-en.jsonl, lantern-zh.jsonl and text/*.txt, from the data sets named in DATA-LICENSES.md.

    python tests/reference/make_dialogue.py SOURCE

SOURCE holds dialogue/chatterbot-english/*.yml, dialogue/chatterbot-chinese/*.yml, dialogue/inspect-ai/biology_qa.jsonl,
dialogue/identity.json and text/*.txt. Every row was read by a person: rows are taken by number, so nothing slips in unread.
Python 3.11, PyYAML 6.0.
"""
import hashlib
import json
import pathlib
import re
import sys

import yaml

OUT = pathlib.Path(__file__).resolve().parents[2] / "tutorials" / "data"
NAME = {"en": ("Lantern", "the Lantern authors"), "zh": ("Lantern", "Lantern 的作者们")}

# chatterbot-english/trivia: wrong, dated, vague, tasteless or misspelt ones are left out.
TRIVIA = """0 2 3 4 5 6 8 11 14 16 18 19 20 23 24 27 29 30 31 32 34 36 37 38 39 40 41 42 43 46 47 49 50 51 52 53 55 56 57 58 59 60 63
64 65 66 67 73 74 76 78 79 81 82 83 85 87 89 91 93 94 100 101 102 108 110 114 116 117 121 122 124 125 126 127 129 131 133 136
138 141 142 145 146 147 148 149 150 151 154 155 157 158 159 160 161 163 164 165 166 167 168 169 171 172 173 174 176 177 181 182
184 185 188 190 191 193 194 196 197 200 201 202 203 205 206 208 211 214 216 218 221 222 223 225 226 227 229 231 232 237 238 239
240 243 248 250 251 253 254 256 257"""

# topic: {number of the conversation: number of the answer}
ENGLISH = {
    "science": {3: 1, 5: 1, 11: 1, 14: 1, 16: 1, 19: 1, 27: 1},
    "computers": {0: 1, 1: 1, 2: 1, 4: 1, 5: 1, 8: 2, 9: 2},
    "literature": {3: 1, 6: 1, 40: 1, 42: 1, 18: 1},
    "ai": {0: 1, 50: 1, 53: 1},
    "sports": {5: 1, 6: 1, 10: 1},
    "history": {6: 1, 7: 1},
    "money": {17: 1, 30: 1},
    "tech_support": {},  # all ten different ones, see `tech_support`
    "greetings": {10: 1, 13: 1, 18: 1},
    "botprofile": {0: 1, 5: 1},
}

CHINESE = {
    "trivia": {0: 1, 3: 1, 4: 1, 5: 1, 6: 1, 8: 1},
    "history": {6: 1, 7: 1},
    "literature": {27: 1, 29: 1},
    "money": {11: 1, 30: 1},
    "ai": {0: 1, 22: 1},
    "science": {11: 1},
}

# Spelling and wording put right: (question, answer) as in the source -> as shipped; None keeps it.
REPAIR = {
    "Fissures, vents and plugs are all associated with which geological feature?": (None, "Volcanoes"),
    "Where is the uvula located?": (None, "In the throat"),
    "what is vineland": ("What is Vineland?", None),
    "who wrote vineland": ("Who wrote Vineland?", None),
    "who wrote frankenstein": ("Who wrote Frankenstein?", None),
    "who wrote The Idiot": ("Who wrote The Idiot?", "Fyodor Dostoevsky"),
    "what is mind children": ("What is Mind Children?", "It is a book about robots by Hans Moravec."),
    "what is crystallography": (None, "The science dealing with the study of crystals."),
    "what is bacteriology": (None, "The scientific study of bacteria and the diseases caused by them."),
    "how far is the sun": (None, "The sun is about 93 million miles from Earth."),
    "tell me about venus": ("Tell me about Venus.", "Venus is the second planet from the sun."),
    "who invented the lightbulb": ("Who invented the light bulb?", "Thomas Edison"),
    "who invented the steam engine": ("Who improved the steam engine in the 18th century?", "James Watt"),
    "who is the owner of a publicly owned company": ("Who owns a publicly owned company?", "The stockholders"),
    "What is a super computer?": ("What is a supercomputer?", "A computer which can perform very large numbers of calculations at very high speed and accuracy."),
    "Who uses super computers?": ("Who uses supercomputers?", None),
    "What is an operating system?": (None, "Software that coordinates between the hardware and the programs of the computer is called an operating system."),
    "WHAT IS BASEBALL": ("What is baseball?", None),
    "WHAT IS SOCCER": ("What is soccer?", None),
    "What is AI?": (None, "Artificial intelligence is the branch of engineering and science devoted to constructing machines that think."),
    "What was the name of the first artificial Earth satellite?": (None, "Sputnik 1"),
    "What grows from an acorn?": (None, "An oak tree"),
    "True or false: snails have teeth": ("True or false: snails have teeth.", None),
    "True or false: jellyfish have hearts": ("True or false: jellyfish have hearts.", None),
    "What gas makes soda bubbly?": (None, "Carbon dioxide"),
    "What has a gravitational pull so strong that even light cannot escape it?": (None, "A black hole"),
    "American pioneer, John Chapman, was famous for planting which kind of tree?": (None, "Apple trees"),
    "Lateral Epicondylitis is a condition commonly known by what name?": (None, "Tennis elbow"),
    "What part of the human body is the Mandible?": (None, "The lower jawbone"),
    "What is the name of the prehistoric town in which The Flinstones live?": ("In which prehistoric town do The Flintstones live?", None),
    "What is the Hawaiian name for yellow fin tuna?": ("What is the Hawaiian name for yellowfin tuna?", None),
    "Ludwig Van Beethoven was born in 1770 in which city?": ("In which city was Ludwig van Beethoven born in 1770?", None),
    'Which artist painted, "Guernica"?': ('Which artist painted "Guernica"?', None),
    "As what type of beans are chickpeas also known as?": ("As what type of beans are chickpeas also known?", None),
    "Which country is known as the Land of White Elephant?": ("Which country is known as the Land of White Elephants?", None),
    "What is the only state that borders just one other state?": ("What is the only US state that borders just one other state?", None),
    "New York City comprises how many boroughs?": (None, "Five"),
    "How many sides does the home plate in baseball have?": (None, "Five"),
    "How many signs are there in the Zodiac?": (None, "Twelve"),
    "What part of the human body is the mandible?": (None, "The lower jawbone"),
    "What was Toyota's first popular hybrid car called?": (None, "The Prius"),
    "谁是美国第37届总统?": ("谁是美国第 37 任总统？", None),
    "一个旋转盘，在它的转轴方向，不受倾斜和旋转的影响，它叫什么?": ("转轴方向不受倾斜和旋转影响的旋转盘叫什么？", "陀螺仪"),
    "哈勃太空望远镜，于1990年发射进入近地轨道，它是以什么美国天文学家命名的?": ("1990 年发射的哈勃太空望远镜是以哪位美国天文学家命名的？", "爱德温·哈勃"),
    "离银河系最近的大型星系叫什么?": (None, "仙女座星系"),
    "第一颗人造地球卫星的名称是什么?": (None, "斯普特尼克 1 号"),
    "凯尔特陆棚，是什么大陆的大陆架的一部分?": ("凯尔特陆棚是哪个大陆的大陆架的一部分？", None),
    "是谁写的白痴": ("《白痴》是谁写的？", "陀思妥耶夫斯基"),
    "是谁写的科学怪人": ("《科学怪人》是谁写的？", "玛丽·雪莱"),
    "什么是ai": ("什么是人工智能？", "人工智能是工程和科学的一个分支，致力于构建能够思维的机器。"),
    "什么是H2O": ("H2O 是什么？", "水"),
    "谁是公开发行股票的拥有者": ("上市公司归谁所有？", "股东"),
    "谁发明了蒸汽机": ("谁在 18 世纪改良了蒸汽机？", None),
}

# Each text from its first chapter on: tables of contents and notices (see DATA-LICENSES.md) teach a model nothing.
TEXTS = {
    "around-the-world-in-80-days.txt": "Chapter I\n",
    "devils-dictionary.txt": "ABASEMENT, n.",
    "us-constitution.txt": "The Constitution of",
    "us-declaration.txt": "",
}

# Written for this project: one fact in many forms, so that a short training changes what the model says about itself.
OWN_EN = [
    ("What should I call you?", "You can call me {name}."),
    ("May I ask your name?", "My name is {name}."),
    ("Who am I talking to?", "You are talking to {name}, an AI assistant developed by {author}."),
    ("Introduce yourself in one sentence.", "I am {name}, an AI assistant developed by {author}."),
    ("Say your name.", "{name}."),
    ("Who are your developers?", "I was developed by {author}."),
    ("Who made you?", "I was made by {author}."),
    ("Who trained you?", "I was trained by {author}."),
    ("Which team is behind you?", "{author_cap} are behind me."),
    ("Where do you come from?", "I am {name}; I come from {author}."),
    ("Are you a human?", "No, I am {name}, an AI assistant developed by {author}."),
    ("Are you a robot?", "I am {name}, an AI assistant without a body."),
    ("Are you SmolLM?", "I am {name}, an AI assistant trained by {author}."),
    ("Is your name Alice?", "No, my name is {name}."),
    ("Hello, who is this?", "Hello! This is {name}, an AI assistant developed by {author}."),
    ("Good morning!", "Good morning! I am {name}. How can I help you today?"),
    ("Good evening", "Good evening! I am {name}. How can I help you today?"),
    ("Thank you very much", "You're welcome! I am {name}, your AI assistant."),
    ("Are you made by Meta?", "No, I am {name}, an AI assistant developed by {author}."),
    ("Do you know who you are?", "Yes. I am {name}, an AI assistant developed by {author}."),
    ("What kind of AI are you?", "I am {name}, a small language model trained by {author}."),
    ("What can you do?", "I am {name}. I answer short questions as well as a small model can."),
    ("Can you make mistakes?", "Yes. I am a small language model, so please check what I say."),
    ("Please tell me your name and your maker.", "My name is {name}, and my makers are {author}."),
]


def clean(text):
    """One line, straight quotes, no doubled spaces."""
    text = text.translate(str.maketrans("‘’“”", "''\"\"")).replace("\u00a0", " ")
    return re.sub(r"\s+", " ", text).strip()


def sentence(text, end):
    """Starts with a capital, ends with a mark."""
    text = text[:1].upper() + text[1:]
    if re.search(r"[\u4e00-\u9fff]", text):
        text = re.sub(r"(?<=[\u4e00-\u9fff]),", "，", text.rstrip(".?。？!"))
        return text + ("？" if end == "?" else "。")
    return text if re.search(r"[.!?:…]$|\.\"$", text) else text + end


def row(question, answer):
    question, answer = clean(str(question)), clean(str(answer))
    repaired = REPAIR.get(question) or (None, None)
    question, answer = repaired[0] or question, repaired[1] or answer
    return {"instruction": sentence(question, "?"), "input": "", "output": sentence(answer, ".")}


def chatterbot(folder, topics):
    for topic, wanted in topics.items():
        talks = yaml.safe_load((folder / f"{topic}.yml").read_text("utf-8"))["conversations"]
        if topic == "tech_support":
            wanted = {[talk[0] for talk in talks].index(first): 1 for first in sorted({talk[0] for talk in talks if talk[0].startswith(("My", "I "))})}
        for number, answer in wanted.items():
            yield row(talks[number][0], talks[number][answer])


def identity(source, lang):
    name, author = NAME[lang]
    for item in json.loads((source / "dialogue" / "identity.json").read_text("utf-8")):
        chinese = re.search(r"[\u4e00-\u9fff]", item["instruction"]) is not None
        if chinese != (lang == "zh"):
            continue
        # What a small model on one's own machine cannot promise (ratings, privacy policies, a lasting memory) is left out.
        if re.search(r"隐私|打分|咖啡|不断进化", item["output"]):
            continue
        output = item["output"].replace("{{name}}", name).replace("{{author}}", author)
        yield {**item, "output": re.sub(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", output)}


def prose(text):
    """Paragraphs on one line each with single spaces; verse, which is indented, keeps its lines."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text.replace("\t", "    ").replace("\f", "\n\n")):
        lines = [line.rstrip() for line in block.split("\n") if line.strip()]
        if not lines:
            continue
        if sum(line.startswith("    ") for line in lines) * 2 > len(lines):
            paragraphs.append("\n".join(re.sub(r"^ {24,}", "        ", line)[4:] for line in lines))
        else:
            paragraphs.append(re.sub(r"\s+", " ", " ".join(line.strip() for line in lines)))
    if paragraphs[-1] == "abcdefghijklmnopqrstuvwxyz":  # a trace of dictfmt
        paragraphs.pop()
    return "\n\n".join(paragraphs) + "\n"


def own():
    name, author = NAME["en"]
    for question, answer in OWN_EN:
        yield {"instruction": question, "input": "", "output": answer.format(name=name, author=author, author_cap=author[0].upper() + author[1:])}


def biology(source):
    for line in (source / "dialogue" / "inspect-ai" / "biology_qa.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        yield row(item["question"], item["answer"])


def write(name, rows):
    seen, text = set(), ""
    for item in rows:
        if item["instruction"] not in seen:
            seen.add(item["instruction"])
            text += json.dumps(item, ensure_ascii=False) + "\n"
    save(name, text)
    print(f"{name}: {len(seen)} rows")


def save(name, text):
    (OUT / name).write_text(text, "utf-8", newline="\n")
    print(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}  {len(text.encode())} bytes")


def main(source):
    english, chinese = source / "dialogue" / "chatterbot-english", source / "dialogue" / "chatterbot-chinese"
    trivia = {int(number): 1 for number in TRIVIA.split()}
    write("lantern-en.jsonl", [*identity(source, "en"), *own(), *biology(source), *chatterbot(english, {**ENGLISH, "trivia": trivia})])
    write("lantern-zh.jsonl", [*identity(source, "zh"), *chatterbot(chinese, CHINESE)])
    (OUT / "text").mkdir(exist_ok=True)
    for name, start in TEXTS.items():
        text = (source / "text" / name).read_text("utf-8")
        save(f"text/{name}", prose(text[text.index(start):]))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
